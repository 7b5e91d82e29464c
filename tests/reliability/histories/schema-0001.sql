BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE approval (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	plan_id VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	decision VARCHAR NOT NULL, 
	decided_by JSON NOT NULL, 
	decided_by_id VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	decided_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32) NOT NULL, 
	mandate_id VARCHAR, 
	used_by VARCHAR, 
	UNIQUE (id)
);
INSERT INTO "approval" VALUES(1,'appr_8j86g9k64n',2,'plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','approve','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','anna','looks right','2026-01-05T09:00:00.000000+00:00','2026-01-05T10:00:00.000000+00:00',NULL,'exec_y6pvmdywg3');
INSERT INTO "approval" VALUES(2,'appr_j7ndjw5rmf',2,'plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','approve','{"kind":"person","id":"ben","on_behalf_of":null,"face":"cli"}','ben','looks right','2026-01-05T09:00:03.000000+00:00','2026-01-05T10:00:03.000000+00:00',NULL,'exec_jbcb2gy458');
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	uptime_s FLOAT NOT NULL, 
	action VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	actor JSON NOT NULL, 
	outcome VARCHAR NOT NULL, 
	plan_id VARCHAR, 
	digest VARCHAR, 
	approval_id VARCHAR, 
	execution_id VARCHAR, 
	reason VARCHAR NOT NULL, 
	details JSON NOT NULL, 
	prev_hash VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "audit" VALUES(1,'2026-01-05T09:00:00.000000+00:00',0.0,'test.put','local','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok',NULL,NULL,NULL,NULL,'','{}','sha256:0000000000000000000000000000000000000000000000000000000000000000','sha256:b976dec7cb3909b5839ff5bfb89fb164fd8586ef46e2ba193cac9948b22e1412');
INSERT INTO "audit" VALUES(2,'2026-01-05T09:00:00.000000+00:00',0.0,'test.put','anna','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok',NULL,NULL,NULL,NULL,'','{}','sha256:b976dec7cb3909b5839ff5bfb89fb164fd8586ef46e2ba193cac9948b22e1412','sha256:507f70e6928be30bc4c862c599c07ccbb3ea4916722c439786f54e68373f3cbb');
INSERT INTO "audit" VALUES(3,'2026-01-05T09:00:00.000000+00:00',0.0,'test.put','ben','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok',NULL,NULL,NULL,NULL,'','{}','sha256:507f70e6928be30bc4c862c599c07ccbb3ea4916722c439786f54e68373f3cbb','sha256:84d1d6ebd29ef86dd8276f542ea0e551b512d34a3ca4d8d3fd7cc302f5fb303a');
INSERT INTO "audit" VALUES(4,'2026-01-05T09:00:00.000000+00:00',0.0,'test.put','robot','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok',NULL,NULL,NULL,NULL,'','{}','sha256:84d1d6ebd29ef86dd8276f542ea0e551b512d34a3ca4d8d3fd7cc302f5fb303a','sha256:1da7a09b5928e215f5f8e40d105344435149eb95b2b21e2db3d2c361779e851d');
INSERT INTO "audit" VALUES(5,'2026-01-05T09:00:00.000000+00:00',0.0,'target.identity','local','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok',NULL,NULL,NULL,NULL,'','{"identity":"sim-6593a4d64612"}','sha256:1da7a09b5928e215f5f8e40d105344435149eb95b2b21e2db3d2c361779e851d','sha256:183db1daf19136bdce2d9168357cc3ceefa9651e7185c72f915fea833864255d');
INSERT INTO "audit" VALUES(6,'2026-01-05T09:00:00.000000+00:00',0.0,'plan.create','plan_rt2gzskypd','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb',NULL,NULL,'test','{"target":"local","origin":"file","risk":"low","summary":"Plan: 2 to add, 0 to change, 0 to remove."}','sha256:183db1daf19136bdce2d9168357cc3ceefa9651e7185c72f915fea833864255d','sha256:ead4c32bd6daeef88b11d7168fffd302a09398676decd3a786536dc95253ea4e');
INSERT INTO "audit" VALUES(7,'2026-01-05T09:00:00.000000+00:00',0.0,'plan.approve','plan_rt2gzskypd','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n',NULL,'looks right','{"risk":"low"}','sha256:ead4c32bd6daeef88b11d7168fffd302a09398676decd3a786536dc95253ea4e','sha256:886d3065405ce77b448b7aedad4c39b772ef45f81ec8119034b17472b13f8fb9');
INSERT INTO "audit" VALUES(8,'2026-01-05T09:00:00.000000+00:00',0.0,'execution.start','exec_y6pvmdywg3','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{"target":"local"}','sha256:886d3065405ce77b448b7aedad4c39b772ef45f81ec8119034b17472b13f8fb9','sha256:677373f1cb516a63c1d2772ac69c70dfd06f26aa92f882543f7a5449dab4dcac');
INSERT INTO "audit" VALUES(9,'2026-01-05T09:00:00.000000+00:00',0.0,'execution.lease','exec_y6pvmdywg3','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{"fence":1}','sha256:677373f1cb516a63c1d2772ac69c70dfd06f26aa92f882543f7a5449dab4dcac','sha256:2e0e0dfff65cf3aa2204d69b9b1c8f81594fba46275ba6146592294b96e690cf');
INSERT INTO "audit" VALUES(10,'2026-01-05T09:00:00.000000+00:00',0.0,'step.intended','local/container/web-1','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{"step":"exec_y6pvmdywg3/00000","op":"create","key":"exec_y6pvmdywg3.0","phase":"forward","fence":1,"attempt":1}','sha256:2e0e0dfff65cf3aa2204d69b9b1c8f81594fba46275ba6146592294b96e690cf','sha256:07c05b45f999cc1075f578a883579c19db7b9b5bcaa9354e8d675f0200fc5026');
INSERT INTO "audit" VALUES(11,'2026-01-05T09:00:00.000000+00:00',0.0,'step.intended','local/container/web-2','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{"step":"exec_y6pvmdywg3/00001","op":"create","key":"exec_y6pvmdywg3.1","phase":"forward","fence":1,"attempt":1}','sha256:07c05b45f999cc1075f578a883579c19db7b9b5bcaa9354e8d675f0200fc5026','sha256:aa82f550aa5859f56d776c2e3773e7285d3c5db35e168d52bcbcc85e2c0ddea2');
INSERT INTO "audit" VALUES(12,'2026-01-05T09:00:00.000000+00:00',0.0,'step.done','local/container/web-1','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{"step":"exec_y6pvmdywg3/00000","op":"create","key":"exec_y6pvmdywg3.0","phase":"forward","fence":1,"attempt":1}','sha256:aa82f550aa5859f56d776c2e3773e7285d3c5db35e168d52bcbcc85e2c0ddea2','sha256:5361f1e5f4dfd43ac4b3ed4071516ec78a24cf7f1e25da7da8f5cf1ea617bbf3');
INSERT INTO "audit" VALUES(13,'2026-01-05T09:00:00.000000+00:00',0.0,'step.done','local/container/web-2','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{"step":"exec_y6pvmdywg3/00001","op":"create","key":"exec_y6pvmdywg3.1","phase":"forward","fence":1,"attempt":1}','sha256:5361f1e5f4dfd43ac4b3ed4071516ec78a24cf7f1e25da7da8f5cf1ea617bbf3','sha256:07ecb78454a259bb0156cc3e348bc3fb8de9503f0702ad342e463234ffaf7287');
INSERT INTO "audit" VALUES(14,'2026-01-05T09:00:00.000000+00:00',0.0,'execution.verifying','exec_y6pvmdywg3','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{}','sha256:07ecb78454a259bb0156cc3e348bc3fb8de9503f0702ad342e463234ffaf7287','sha256:53bc95b7a7bd6a785de54ba3b8a17ed8cd038791ea46940850ab60ca2c8783e4');
INSERT INTO "audit" VALUES(15,'2026-01-05T09:00:03.000000+00:00',3.0,'execution.succeeded','exec_y6pvmdywg3','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','appr_8j86g9k64n','exec_y6pvmdywg3','','{}','sha256:53bc95b7a7bd6a785de54ba3b8a17ed8cd038791ea46940850ab60ca2c8783e4','sha256:d35b7f147cc3bacc7d48091e5f631b6440265660a6cff3b95af8e63f7c6bc943');
INSERT INTO "audit" VALUES(16,'2026-01-05T09:00:03.000000+00:00',3.0,'plan.create','plan_ef9w55mz6k','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412',NULL,NULL,'test','{"target":"local","origin":"file","risk":"low","summary":"Plan: 2 to add, 0 to change, 2 to remove."}','sha256:d35b7f147cc3bacc7d48091e5f631b6440265660a6cff3b95af8e63f7c6bc943','sha256:64b4b8785ae23cc4aac3bbcbd5ff8994b2ef22a2decc1c905672d3e103f96e6c');
INSERT INTO "audit" VALUES(17,'2026-01-05T09:00:03.000000+00:00',3.0,'plan.approve','plan_ef9w55mz6k','{"kind":"person","id":"ben","on_behalf_of":null,"face":"cli"}','ok','plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','appr_j7ndjw5rmf',NULL,'looks right','{"risk":"low"}','sha256:64b4b8785ae23cc4aac3bbcbd5ff8994b2ef22a2decc1c905672d3e103f96e6c','sha256:753fcfe2afbc1eb0255c55a7701ae917dabe2f0b6c77007a6d7251fc4433b440');
INSERT INTO "audit" VALUES(18,'2026-01-05T09:00:03.000000+00:00',3.0,'execution.start','exec_jbcb2gy458','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','appr_j7ndjw5rmf','exec_jbcb2gy458','','{"target":"local"}','sha256:753fcfe2afbc1eb0255c55a7701ae917dabe2f0b6c77007a6d7251fc4433b440','sha256:697623cbfdbb4792c0eb7c96e1228bdf71b43da9185a1817823790819ded3d4d');
INSERT INTO "audit" VALUES(19,'2026-01-05T09:00:03.000000+00:00',3.0,'execution.lease','exec_jbcb2gy458','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','appr_j7ndjw5rmf','exec_jbcb2gy458','','{"fence":1}','sha256:697623cbfdbb4792c0eb7c96e1228bdf71b43da9185a1817823790819ded3d4d','sha256:09373d474cf0b11edfb644a8d1cd0f4f6522797060990dc3471b142c2fc75328');
INSERT INTO "audit" VALUES(20,'2026-01-05T09:00:03.000000+00:00',3.0,'step.intended','local/container/web-1','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','ok','plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','appr_j7ndjw5rmf','exec_jbcb2gy458','','{"step":"exec_jbcb2gy458/00000","op":"replace","key":"exec_jbcb2gy458.0","phase":"forward","fence":1,"attempt":1}','sha256:09373d474cf0b11edfb644a8d1cd0f4f6522797060990dc3471b142c2fc75328','sha256:04d94033a767c60dce3e8e650cc68d0eed54eb4d1a68a372848eba2333337c82');
CREATE TABLE audit_head (
	id INTEGER NOT NULL, 
	audit_seq BIGINT NOT NULL, 
	audit_hash VARCHAR NOT NULL, 
	event_seq BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "audit_head" VALUES(1,20,'sha256:04d94033a767c60dce3e8e650cc68d0eed54eb4d1a68a372848eba2333337c82',18);
CREATE TABLE credential (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	principal_id VARCHAR NOT NULL, 
	purpose VARCHAR NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32), 
	revoked_at VARCHAR(32), 
	used_at VARCHAR(32), 
	UNIQUE (id)
);
CREATE TABLE deployment (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	service_name VARCHAR NOT NULL, 
	image_name VARCHAR NOT NULL, 
	image_tag VARCHAR NOT NULL, 
	service_type VARCHAR NOT NULL, 
	language VARCHAR NOT NULL, 
	cpu_request BIGINT, 
	cpu_limit BIGINT, 
	memory_request BIGINT, 
	memory_limit BIGINT, 
	replicas BIGINT NOT NULL, 
	actual_cpu_millicores FLOAT, 
	actual_memory_bytes FLOAT, 
	usage JSON, 
	target_cluster VARCHAR NOT NULL, 
	namespace VARCHAR NOT NULL, 
	deployed_at VARCHAR(32) NOT NULL, 
	success BOOLEAN NOT NULL, 
	outcome VARCHAR NOT NULL, 
	oom_events BIGINT NOT NULL, 
	throttle_events BIGINT NOT NULL, 
	ai_generated BOOLEAN NOT NULL, 
	ai_confidence FLOAT, 
	plan_id VARCHAR NOT NULL, 
	execution_id VARCHAR NOT NULL, 
	workload JSON, 
	previous JSON, 
	UNIQUE (id)
);
INSERT INTO "deployment" VALUES(1,'dep_05s0znfm4c',1,'web','app','1','','',NULL,NULL,NULL,NULL,2,NULL,NULL,NULL,'local','','2026-01-05T09:00:03.000000+00:00',1,'succeeded',0,0,0,NULL,'plan_rt2gzskypd','exec_y6pvmdywg3','{"name":"web","image":"app:1","command":null,"ports":[],"env":{},"secret_env":{},"volumes":[],"networks":[],"resources":{"cpu_millicores":null,"memory_bytes":null},"replicas":2,"health":{"command":["/check"],"interval_s":1,"timeout_s":1,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true,"needs":[]}',NULL);
CREATE TABLE desired (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	target VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	workload VARCHAR, 
	spec JSON, 
	mode VARCHAR, 
	revision BIGINT NOT NULL, 
	set_by JSON NOT NULL, 
	plan_id VARCHAR, 
	set_at VARCHAR(32) NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "desired" VALUES(1,'local/container/web-1',2,'local','container','web-1','web','{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true}',NULL,2,'{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','plan_ef9w55mz6k','2026-01-05T09:00:03.000000+00:00');
INSERT INTO "desired" VALUES(2,'local/container/web-2',2,'local','container','web-2','web','{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true}',NULL,2,'{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','plan_ef9w55mz6k','2026-01-05T09:00:03.000000+00:00');
CREATE TABLE event (
	seq INTEGER NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	type VARCHAR NOT NULL, 
	target VARCHAR, 
	resource VARCHAR, 
	plan_id VARCHAR, 
	execution_id VARCHAR, 
	message VARCHAR NOT NULL, 
	details JSON NOT NULL, 
	PRIMARY KEY (seq)
);
INSERT INTO "event" VALUES(1,'2026-01-05T09:00:00.000000+00:00','resource.found','local','local/image/app:1',NULL,NULL,'image app:1 is there.','{}');
INSERT INTO "event" VALUES(2,'2026-01-05T09:00:00.000000+00:00','resource.found','local','local/image/app:2',NULL,NULL,'image app:2 is there.','{}');
INSERT INTO "event" VALUES(3,'2026-01-05T09:00:00.000000+00:00','resource.found','local','local/image/app:bad',NULL,NULL,'image app:bad is there.','{}');
INSERT INTO "event" VALUES(4,'2026-01-05T09:00:00.000000+00:00','plan.pending','local',NULL,'plan_rt2gzskypd',NULL,'Plan: 2 to add, 0 to change, 0 to remove.','{}');
INSERT INTO "event" VALUES(5,'2026-01-05T09:00:00.000000+00:00','plan.approved','local',NULL,'plan_rt2gzskypd',NULL,'approve by anna','{}');
INSERT INTO "event" VALUES(6,'2026-01-05T09:00:00.000000+00:00','execution.started','local',NULL,'plan_rt2gzskypd','exec_y6pvmdywg3','Applying plan plan_rt2gzskypd.','{}');
INSERT INTO "event" VALUES(7,'2026-01-05T09:00:00.000000+00:00','execution.step','local','local/container/web-1','plan_rt2gzskypd','exec_y6pvmdywg3','create local/container/web-1: intended','{"step":"exec_y6pvmdywg3/00000","state":"intended","phase":"forward","op":"create","index":0,"of":2,"error":null}');
INSERT INTO "event" VALUES(8,'2026-01-05T09:00:00.000000+00:00','execution.step','local','local/container/web-2','plan_rt2gzskypd','exec_y6pvmdywg3','create local/container/web-2: intended','{"step":"exec_y6pvmdywg3/00001","state":"intended","phase":"forward","op":"create","index":1,"of":2,"error":null}');
INSERT INTO "event" VALUES(9,'2026-01-05T09:00:00.000000+00:00','execution.step','local','local/container/web-1','plan_rt2gzskypd','exec_y6pvmdywg3','create local/container/web-1: done','{"step":"exec_y6pvmdywg3/00000","state":"done","phase":"forward","op":"create","index":0,"of":2,"error":null}');
INSERT INTO "event" VALUES(10,'2026-01-05T09:00:00.000000+00:00','execution.step','local','local/container/web-2','plan_rt2gzskypd','exec_y6pvmdywg3','create local/container/web-2: done','{"step":"exec_y6pvmdywg3/00001","state":"done","phase":"forward","op":"create","index":1,"of":2,"error":null}');
INSERT INTO "event" VALUES(11,'2026-01-05T09:00:00.000000+00:00','execution.verifying','local',NULL,'plan_rt2gzskypd','exec_y6pvmdywg3','verifying','{}');
INSERT INTO "event" VALUES(12,'2026-01-05T09:00:03.000000+00:00','execution.succeeded','local',NULL,'plan_rt2gzskypd','exec_y6pvmdywg3','succeeded','{}');
INSERT INTO "event" VALUES(13,'2026-01-05T09:00:03.000000+00:00','resource.found','local','local/container/web-1',NULL,NULL,'container web-1 is there.','{}');
INSERT INTO "event" VALUES(14,'2026-01-05T09:00:03.000000+00:00','resource.found','local','local/container/web-2',NULL,NULL,'container web-2 is there.','{}');
INSERT INTO "event" VALUES(15,'2026-01-05T09:00:03.000000+00:00','plan.pending','local',NULL,'plan_ef9w55mz6k',NULL,'Plan: 2 to add, 0 to change, 2 to remove.','{}');
INSERT INTO "event" VALUES(16,'2026-01-05T09:00:03.000000+00:00','plan.approved','local',NULL,'plan_ef9w55mz6k',NULL,'approve by ben','{}');
INSERT INTO "event" VALUES(17,'2026-01-05T09:00:03.000000+00:00','execution.started','local',NULL,'plan_ef9w55mz6k','exec_jbcb2gy458','Applying plan plan_ef9w55mz6k.','{}');
INSERT INTO "event" VALUES(18,'2026-01-05T09:00:03.000000+00:00','execution.step','local','local/container/web-1','plan_ef9w55mz6k','exec_jbcb2gy458','replace local/container/web-1: intended','{"step":"exec_jbcb2gy458/00000","state":"intended","phase":"forward","op":"replace","index":0,"of":2,"error":null}');
CREATE TABLE execution (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	plan_id VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	approval_ids JSON NOT NULL, 
	target VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	started_by JSON NOT NULL, 
	lease_owner VARCHAR NOT NULL, 
	lease_expires_at VARCHAR(32) NOT NULL, 
	fence BIGINT NOT NULL, 
	journal_format BIGINT NOT NULL, 
	started_at VARCHAR(32) NOT NULL, 
	finished_at VARCHAR(32), 
	error JSON, 
	"before" JSON NOT NULL, 
	cancel_requested_by VARCHAR, 
	UNIQUE (id)
);
INSERT INTO "execution" VALUES(1,'exec_y6pvmdywg3',4,'plan_rt2gzskypd','sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','["appr_8j86g9k64n"]','local','succeeded','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','worker-a','2026-01-05T09:01:00.000000+00:00',1,1,'2026-01-05T09:00:00.000000+00:00','2026-01-05T09:00:03.000000+00:00',NULL,'[{"resource":"local/container/web-1","desired":null,"workload":null},{"resource":"local/container/web-2","desired":null,"workload":null},{"resource":"local/workload/web","desired":null,"workload":null}]',NULL);
INSERT INTO "execution" VALUES(2,'exec_jbcb2gy458',2,'plan_ef9w55mz6k','sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','["appr_j7ndjw5rmf"]','local','applying','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','worker-a','2026-01-05T09:01:03.000000+00:00',1,1,'2026-01-05T09:00:03.000000+00:00',NULL,NULL,'[{"resource":"local/container/web-1","desired":{"id":"local/container/web-1","target":"local","kind":"container","name":"web-1","workload":"web","spec":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"mode":null,"revision":1,"set_by":{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"},"plan_id":"plan_rt2gzskypd","set_at":"2026-01-05T09:00:00+00:00","version":1},"workload":null},{"resource":"local/container/web-2","desired":{"id":"local/container/web-2","target":"local","kind":"container","name":"web-2","workload":"web","spec":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"mode":null,"revision":1,"set_by":{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"},"plan_id":"plan_rt2gzskypd","set_at":"2026-01-05T09:00:00+00:00","version":1},"workload":null},{"resource":"local/workload/web","desired":null,"workload":{"id":"local/workload/web","target":"local","name":"web","workload":{"name":"web","image":"app:1","command":null,"ports":[],"env":{},"secret_env":{},"volumes":[],"networks":[],"resources":{"cpu_millicores":null,"memory_bytes":null},"replicas":2,"health":{"command":["/check"],"interval_s":1,"timeout_s":1,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true,"needs":[]},"revision":1,"set_by":{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"},"plan_id":"plan_rt2gzskypd","set_at":"2026-01-05T09:00:00+00:00","version":1}}]',NULL);
CREATE TABLE heal_record (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	target VARCHAR NOT NULL, 
	healed_at JSON NOT NULL, 
	paused BOOLEAN NOT NULL, 
	paused_at VARCHAR(32), 
	UNIQUE (id)
);
CREATE TABLE link (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	source VARCHAR NOT NULL, 
	relation VARCHAR NOT NULL, 
	destination VARCHAR NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "link" VALUES(1,'local/container/web-1|runs|local/image/app:1',1,'local/container/web-1','runs','local/image/app:1');
INSERT INTO "link" VALUES(2,'local/container/web-2|runs|local/image/app:1',1,'local/container/web-2','runs','local/image/app:1');
CREATE TABLE mandate (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	target VARCHAR NOT NULL, 
	resource VARCHAR, 
	given_by JSON NOT NULL, 
	reason VARCHAR NOT NULL, 
	given_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32) NOT NULL, 
	revoked_at VARCHAR(32), 
	UNIQUE (id)
);
CREATE TABLE observed (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	target VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	presence VARCHAR NOT NULL, 
	spec JSON, 
	facts JSON NOT NULL, 
	health VARCHAR NOT NULL, 
	managed BOOLEAN NOT NULL, 
	revision BIGINT NOT NULL, 
	observed_at VARCHAR(32) NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "observed" VALUES(1,'local/image/app:1',1,'local','image','app:1','present','{"tags":["app:1"],"exposed_ports":["80/tcp"],"digest":"sha256:36808708ca517e020d5f9a4e51b673a8d2afad8ed58948b2f3f9d3ddca3c4b87"}','{"id":"sha256:36808708ca517e020d5f9a4e51b673a8d2afad8ed58948b2f3f9d3ddca3c4b87"}','none',0,1,'2026-01-05T09:00:00.000000+00:00');
INSERT INTO "observed" VALUES(2,'local/image/app:2',1,'local','image','app:2','present','{"tags":["app:2"],"exposed_ports":["80/tcp"],"digest":"sha256:3af2d7d36eb70e1a18a0f07f3a18b853d055bcbdb8a00217acdfe269ef51e531"}','{"id":"sha256:3af2d7d36eb70e1a18a0f07f3a18b853d055bcbdb8a00217acdfe269ef51e531"}','none',0,1,'2026-01-05T09:00:00.000000+00:00');
INSERT INTO "observed" VALUES(3,'local/image/app:bad',1,'local','image','app:bad','present','{"tags":["app:bad"],"exposed_ports":["80/tcp"],"digest":"sha256:72237e8e60a3df44b95abf06322e5b9dad63e857ac39921868a460e8139c2fd3"}','{"id":"sha256:72237e8e60a3df44b95abf06322e5b9dad63e857ac39921868a460e8139c2fd3"}','none',0,1,'2026-01-05T09:00:00.000000+00:00');
INSERT INTO "observed" VALUES(4,'local/container/web-1',2,'local','container','web-1','present','{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true}','{"id":"5513e3eabba6d75402c1c34c7365c6fac01024589d0a6996329255cd18fec5cc","state":"running","exit_code":null,"restart_count":0,"oom_killed":false,"created_at":"2026-01-05T09:00:00+00:00","started_at":"2026-01-05T09:00:00+00:00","image_id":"sha256:36808708ca517e020d5f9a4e51b673a8d2afad8ed58948b2f3f9d3ddca3c4b87","step":"exec_y6pvmdywg3.0","fence":1,"workload":"web"}','healthy',1,2,'2026-01-05T09:00:03.000000+00:00');
INSERT INTO "observed" VALUES(5,'local/container/web-2',2,'local','container','web-2','present','{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true}','{"id":"a93875fe509ac2fae0e0939d3ec71c4d978244c7398dd7185ca68c393426a5a6","state":"running","exit_code":null,"restart_count":0,"oom_killed":false,"created_at":"2026-01-05T09:00:00+00:00","started_at":"2026-01-05T09:00:00+00:00","image_id":"sha256:36808708ca517e020d5f9a4e51b673a8d2afad8ed58948b2f3f9d3ddca3c4b87","step":"exec_y6pvmdywg3.1","fence":1,"workload":"web"}','healthy',1,2,'2026-01-05T09:00:03.000000+00:00');
CREATE TABLE "plan" (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	target VARCHAR NOT NULL, 
	origin VARCHAR NOT NULL, 
	request VARCHAR NOT NULL, 
	requested_by JSON NOT NULL, 
	mode VARCHAR NOT NULL, 
	changes JSON NOT NULL, 
	workloads JSON NOT NULL, 
	base JSON NOT NULL, 
	risk VARCHAR NOT NULL, 
	notes JSON NOT NULL, 
	tainted BOOLEAN NOT NULL, 
	digest VARCHAR NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	expires_at VARCHAR(32) NOT NULL, 
	state VARCHAR NOT NULL, 
	execution_id VARCHAR, 
	UNIQUE (id)
);
INSERT INTO "plan" VALUES(1,'plan_rt2gzskypd',4,'local','file','test','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','','[{"resource":"local/container/web-1","target":"local","kind":"container","name":"web-1","op":"create","workload":"web","before":null,"after":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":[]},{"resource":"local/container/web-2","target":"local","kind":"container","name":"web-2","op":"create","workload":"web","before":null,"after":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":[]}]','[{"target":"local","name":"web","workload":{"name":"web","image":"app:1","command":null,"ports":[],"env":{},"secret_env":{},"volumes":[],"networks":[],"resources":{"cpu_millicores":null,"memory_bytes":null},"replicas":2,"health":{"command":["/check"],"interval_s":1,"timeout_s":1,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true,"needs":[]}}]','[{"resource":"local/container/web-1","desired_revision":0,"observed_revision":1},{"resource":"local/container/web-2","desired_revision":0,"observed_revision":1},{"resource":"local/workload/web","desired_revision":0,"observed_revision":0}]','low','[]',0,'sha256:7a7e6bbff6bda15f855e0f32d5418a9f8ec025bf5a113c25745820837c51fcfb','2026-01-05T09:00:00.000000+00:00','2026-01-06T09:00:00.000000+00:00','applied','exec_y6pvmdywg3');
INSERT INTO "plan" VALUES(2,'plan_ef9w55mz6k',3,'local','file','test','{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','','[{"resource":"local/container/web-1","target":"local","kind":"container","name":"web-1","op":"replace","workload":"web","before":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":["image cannot be changed in place"]},{"resource":"local/container/web-2","target":"local","kind":"container","name":"web-2","op":"replace","workload":"web","before":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":["local/container/web-1"],"risk":"low","reasons":["image cannot be changed in place"]}]','[{"target":"local","name":"web","workload":{"name":"web","image":"app:2","command":null,"ports":[],"env":{},"secret_env":{},"volumes":[],"networks":[],"resources":{"cpu_millicores":null,"memory_bytes":null},"replicas":2,"health":{"command":["/check"],"interval_s":1,"timeout_s":1,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true,"needs":[]}}]','[{"resource":"local/container/web-1","desired_revision":1,"observed_revision":2},{"resource":"local/container/web-2","desired_revision":1,"observed_revision":2},{"resource":"local/workload/web","desired_revision":1,"observed_revision":0}]','low','[]',0,'sha256:5a3e1ec751a9a0e3168211b2b2d1ecb7a9ec8aeb1d57e34a71a5b5939b8c6412','2026-01-05T09:00:03.000000+00:00','2026-01-06T09:00:03.000000+00:00','applying','exec_jbcb2gy458');
CREATE TABLE principal (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	kind VARCHAR NOT NULL, 
	display_name VARCHAR NOT NULL, 
	scopes JSON NOT NULL, 
	same_person_as VARCHAR, 
	on_behalf_of VARCHAR, 
	is_active BOOLEAN NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "principal" VALUES(1,'anna',1,'person','Anna','["plan:approve","twin:admin","twin:apply","twin:exec","twin:plan","twin:read"]',NULL,NULL,1,'2026-01-05T09:00:00.000000+00:00');
INSERT INTO "principal" VALUES(2,'ben',1,'person','Ben','["plan:approve","twin:admin","twin:apply","twin:exec","twin:plan","twin:read"]',NULL,NULL,1,'2026-01-05T09:00:00.000000+00:00');
INSERT INTO "principal" VALUES(3,'robot',1,'agent','Robot','["plan:approve","twin:admin","twin:apply","twin:exec","twin:plan","twin:read"]',NULL,'anna',1,'2026-01-05T09:00:00.000000+00:00');
CREATE TABLE reply (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	request_digest VARCHAR NOT NULL, 
	status BIGINT NOT NULL, 
	body VARCHAR NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	UNIQUE (id)
);
CREATE TABLE step (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	execution_id VARCHAR NOT NULL, 
	"index" BIGINT NOT NULL, 
	phase VARCHAR NOT NULL, 
	change JSON NOT NULL, 
	"key" VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	inverse JSON, 
	undoes VARCHAR, 
	attempts BIGINT NOT NULL, 
	error JSON, 
	intended_at VARCHAR(32), 
	finished_at VARCHAR(32), 
	UNIQUE (id)
);
INSERT INTO "step" VALUES(1,'exec_y6pvmdywg3/00000',3,'exec_y6pvmdywg3',0,'forward','{"resource":"local/container/web-1","target":"local","kind":"container","name":"web-1","op":"create","workload":"web","before":null,"after":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":[]}','exec_y6pvmdywg3.0','done','{"resource":"local/container/web-1","target":"local","kind":"container","name":"web-1","op":"delete","workload":"web","before":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":null,"needs":[],"risk":"low","reasons":["undoes a failed change"]}',NULL,1,NULL,'2026-01-05T09:00:00.000000+00:00','2026-01-05T09:00:00.000000+00:00');
INSERT INTO "step" VALUES(2,'exec_y6pvmdywg3/00001',3,'exec_y6pvmdywg3',1,'forward','{"resource":"local/container/web-2","target":"local","kind":"container","name":"web-2","op":"create","workload":"web","before":null,"after":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":[]}','exec_y6pvmdywg3.1','done','{"resource":"local/container/web-2","target":"local","kind":"container","name":"web-2","op":"delete","workload":"web","before":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":null,"needs":[],"risk":"low","reasons":["undoes a failed change"]}',NULL,1,NULL,'2026-01-05T09:00:00.000000+00:00','2026-01-05T09:00:00.000000+00:00');
INSERT INTO "step" VALUES(3,'exec_jbcb2gy458/00000',2,'exec_jbcb2gy458',0,'forward','{"resource":"local/container/web-1","target":"local","kind":"container","name":"web-1","op":"replace","workload":"web","before":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":["image cannot be changed in place"]}','exec_jbcb2gy458.0','intended','{"resource":"local/container/web-1","target":"local","kind":"container","name":"web-1","op":"replace","workload":"web","before":{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":[],"risk":"low","reasons":["undoes a failed change"]}',NULL,1,NULL,'2026-01-05T09:00:03.000000+00:00',NULL);
INSERT INTO "step" VALUES(4,'exec_jbcb2gy458/00001',1,'exec_jbcb2gy458',1,'forward','{"resource":"local/container/web-2","target":"local","kind":"container","name":"web-2","op":"replace","workload":"web","before":{"image":"app:1","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"after":{"image":"app:2","command":null,"env":{},"secret_env":{},"ports":[],"mounts":[],"networks":[],"cpu_millicores":null,"memory_bytes":null,"health":{"command":["/check"],"interval_s":1.0,"timeout_s":1.0,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true},"needs":["local/container/web-1"],"risk":"low","reasons":["image cannot be changed in place"]}','exec_jbcb2gy458.1','pending',NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE target (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	display_name VARCHAR NOT NULL, 
	backend_type VARCHAR NOT NULL, 
	agent_endpoint VARCHAR NOT NULL, 
	connection_type VARCHAR NOT NULL, 
	auth_method VARCHAR NOT NULL, 
	is_default BOOLEAN NOT NULL, 
	is_active BOOLEAN NOT NULL, 
	mode VARCHAR NOT NULL, 
	identity VARCHAR NOT NULL, 
	settings JSON NOT NULL, 
	created_at VARCHAR(32) NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "target" VALUES(1,'local',2,'Local','sim','sim://local','direct','none',1,1,'propose','sim-6593a4d64612','{}','2026-01-05T09:00:00.000000+00:00');
CREATE TABLE usage_sample (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	resource VARCHAR NOT NULL, 
	target VARCHAR NOT NULL, 
	workload VARCHAR NOT NULL, 
	at VARCHAR(32) NOT NULL, 
	cpu_millicores FLOAT NOT NULL, 
	memory_bytes BIGINT NOT NULL, 
	UNIQUE (id)
);
CREATE TABLE workload (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR NOT NULL, 
	version BIGINT NOT NULL, 
	target VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	workload JSON, 
	revision BIGINT NOT NULL, 
	set_by JSON NOT NULL, 
	plan_id VARCHAR, 
	set_at VARCHAR(32) NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "workload" VALUES(1,'local/workload/web',2,'local','web','{"name":"web","image":"app:2","command":null,"ports":[],"env":{},"secret_env":{},"volumes":[],"networks":[],"resources":{"cpu_millicores":null,"memory_bytes":null},"replicas":2,"health":{"command":["/check"],"interval_s":1,"timeout_s":1,"retries":2,"start_period_s":0.0},"labels":{},"restart":"unless-stopped","running":true,"needs":[]}',2,'{"kind":"person","id":"anna","on_behalf_of":null,"face":"cli"}','plan_ef9w55mz6k','2026-01-05T09:00:03.000000+00:00');
CREATE INDEX ix_desired_target ON desired (target);
CREATE INDEX ix_desired_workload ON desired (workload);
CREATE INDEX ix_observed_target ON observed (target);
CREATE INDEX ix_link_destination ON link (destination);
CREATE INDEX ix_link_source ON link (source);
CREATE INDEX ix_workload_target ON workload (target);
CREATE INDEX ix_plan_state ON "plan" (state);
CREATE INDEX ix_plan_target ON "plan" (target);
CREATE INDEX ix_approval_plan_id ON approval (plan_id);
CREATE INDEX ix_execution_plan_id ON execution (plan_id);
CREATE INDEX ix_execution_state ON execution (state);
CREATE INDEX ix_execution_target ON execution (target);
CREATE INDEX ix_step_execution_id ON step (execution_id);
CREATE INDEX ix_step_state ON step (state);
CREATE INDEX ix_deployment_image_name ON deployment (image_name);
CREATE INDEX ix_deployment_service_name ON deployment (service_name);
CREATE INDEX ix_usage_sample_resource ON usage_sample (resource);
CREATE INDEX ix_usage_sample_workload ON usage_sample (workload);
CREATE INDEX ix_mandate_target ON mandate (target);
CREATE INDEX ix_heal_record_target ON heal_record (target);
CREATE INDEX ix_credential_principal_id ON credential (principal_id);
CREATE INDEX ix_audit_action ON audit (action);
CREATE INDEX ix_audit_execution_id ON audit (execution_id);
CREATE INDEX ix_audit_plan_id ON audit (plan_id);
CREATE INDEX ix_audit_subject ON audit (subject);
CREATE INDEX ix_event_execution_id ON event (execution_id);
CREATE INDEX ix_event_resource ON event (resource);
CREATE INDEX ix_event_target ON event (target);
CREATE INDEX ix_event_type ON event (type);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('target',1);
INSERT INTO "sqlite_sequence" VALUES('desired',2);
INSERT INTO "sqlite_sequence" VALUES('observed',5);
INSERT INTO "sqlite_sequence" VALUES('link',2);
INSERT INTO "sqlite_sequence" VALUES('workload',1);
INSERT INTO "sqlite_sequence" VALUES('plan',2);
INSERT INTO "sqlite_sequence" VALUES('approval',2);
INSERT INTO "sqlite_sequence" VALUES('execution',2);
INSERT INTO "sqlite_sequence" VALUES('step',4);
INSERT INTO "sqlite_sequence" VALUES('deployment',1);
INSERT INTO "sqlite_sequence" VALUES('usage_sample',0);
INSERT INTO "sqlite_sequence" VALUES('mandate',0);
INSERT INTO "sqlite_sequence" VALUES('heal_record',0);
INSERT INTO "sqlite_sequence" VALUES('principal',3);
INSERT INTO "sqlite_sequence" VALUES('credential',0);
INSERT INTO "sqlite_sequence" VALUES('reply',0);
COMMIT;
