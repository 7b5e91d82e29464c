CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

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

CREATE TABLE link (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	version BIGINT NOT NULL,
	source VARCHAR NOT NULL,
	relation VARCHAR NOT NULL,
	destination VARCHAR NOT NULL,
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
	execution_id VARCHAR, taint JSON, drafts JSON,
	UNIQUE (id)
);

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

CREATE TABLE audit_head (
	id INTEGER NOT NULL,
	audit_seq BIGINT NOT NULL,
	audit_hash VARCHAR NOT NULL,
	event_seq BIGINT NOT NULL,
	PRIMARY KEY (id)
);

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

CREATE INDEX ix_credential_principal_id ON credential (principal_id);

CREATE INDEX ix_audit_action ON audit (action);

CREATE INDEX ix_audit_execution_id ON audit (execution_id);

CREATE INDEX ix_audit_plan_id ON audit (plan_id);

CREATE INDEX ix_audit_subject ON audit (subject);

CREATE INDEX ix_event_execution_id ON event (execution_id);

CREATE INDEX ix_event_resource ON event (resource);

CREATE INDEX ix_event_target ON event (target);

CREATE INDEX ix_event_type ON event (type);

CREATE TRIGGER audit_keeps_rows BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE TRIGGER audit_keeps_text BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

CREATE UNIQUE INDEX one_default_target ON target (is_default) WHERE is_default;

CREATE UNIQUE INDEX one_unfinished_execution ON execution (target) WHERE state IN ('applying', 'verifying', 'rolling_back');

CREATE TABLE touched (
	seq INTEGER NOT NULL,
	kind VARCHAR NOT NULL,
	ids JSON NOT NULL,
	PRIMARY KEY (seq)
);

CREATE TABLE evidence (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	version BIGINT NOT NULL,
	account VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	marks VARCHAR NOT NULL,
	complete BOOLEAN NOT NULL,
	at VARCHAR(32) NOT NULL,
	expires_at VARCHAR(32) NOT NULL,
	UNIQUE (id)
);

CREATE INDEX ix_evidence_account ON evidence (account);

CREATE TABLE run (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	version BIGINT NOT NULL,
	target VARCHAR NOT NULL,
	source VARCHAR NOT NULL,
	request VARCHAR NOT NULL,
	requested_by JSON NOT NULL,
	options JSON NOT NULL,
	stages JSON NOT NULL,
	artefacts JSON NOT NULL,
	plan_id VARCHAR,
	created_at VARCHAR(32) NOT NULL,
	UNIQUE (id)
);

CREATE INDEX ix_run_target ON run (target);

CREATE INDEX ix_run_plan_id ON run (plan_id);

CREATE TABLE thread (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	version BIGINT NOT NULL,
	owner VARCHAR NOT NULL,
	name VARCHAR NOT NULL,
	title VARCHAR NOT NULL,
	remarks JSON NOT NULL,
	created_at VARCHAR(32) NOT NULL,
	updated_at VARCHAR(32) NOT NULL,
	outcome VARCHAR NOT NULL,
	run_id VARCHAR NOT NULL,
	plan_id VARCHAR,
	card JSON NOT NULL,
	UNIQUE (id)
);

CREATE INDEX ix_thread_owner ON thread (owner);

CREATE TABLE heal_record (
	position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	id VARCHAR NOT NULL,
	version BIGINT NOT NULL,
	target VARCHAR NOT NULL,
	heals JSON NOT NULL,
	paused BOOLEAN NOT NULL,
	paused_at VARCHAR(32),
	paused_until VARCHAR(32),
	contested JSON NOT NULL,
	rounds BIGINT NOT NULL,
	UNIQUE (id)
);

CREATE INDEX ix_heal_record_target ON heal_record (target);

INSERT INTO alembic_version VALUES ('0008');

INSERT INTO audit_head VALUES (1, 0, 'sha256:0000000000000000000000000000000000000000000000000000000000000000', 0);

