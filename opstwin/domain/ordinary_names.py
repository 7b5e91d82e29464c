"""Words that people call their workloads by: that one also stands in a log says nothing about who chose it. Pure."""

import re
from typing import Final

_SHORT: Final = 5
"""Letters below which a word is in every second text."""

_NAMES: Final = (
    "access account activity adapter address admin again agent alert alpha analytic announce apache apple archive "
    "article asset assistant audit auth authentication author authorization avatar backend backup balance balancer "
    "banana banner barcode basket batch benchmark beta billing binary black blog blue board booking bookmark bridge "
    "broadcast broker browser bucket buffer builder bundle business cache calendar call campaign canary capture "
    "carrier cart catalog catalogue category central certificate channel chart chat check checker checkout classifier "
    "client cloud cluster code collector comment commerce compute config configuration connect connection connector "
    "console consumer contact container content control controller converter cookie coordinator core counter coupon "
    "crawler cron customer cycle daemon dashboard data database dataset debug default delivery delta demo deploy "
    "deployment design desktop detail detector develop development device digest directory discount discovery "
    "dispatch dispatcher display docker document domain download downloader driver east editor email employee encoder "
    "endpoint engine entry error event example exchange expense experiment explorer export exporter external facade "
    "fallback feature feed feedback fetcher field fifth file filter finance finder firewall first flow folder "
    "forecast form format forum forward forwarder fourth frontend fulfillment function gallery game gamma gateway "
    "generator github global grafana graph great green greeter group guard guest handler health hello helper history "
    "home hosting house image import importer inbox index indexer info ingest ingester ingress input inspector "
    "integration interface internal inventory invoice issue item job journal kafka keeper kernel keycloak label "
    "landing large launcher layer leader ledger legacy library license light limit limiter linter list listener load "
    "loader local location logger logging login lower loyalty machine mail mailer main manager manual mapper market "
    "marketing marketplace master matcher media medium member merchant message messaging metadata metric migrate "
    "migration mirror mobile mock model module monitor monitoring mover movie mysql network news newsletter nginx "
    "node north notebook notes notification notifier notify number object observer offer office online operator "
    "option orange order orders other output package page panel parser partner password payment payroll permission "
    "person photo picture pipeline platform player plugin podcast point policy portal postgres postgresql preview "
    "price pricing primary print printer private process processor producer product production profile profiler "
    "project prometheus promotion proxy public publisher pull purchase purple push query queue quick quiet rabbitmq "
    "rating reader receiver recommend recommendation recommender record recorder redirect redis registry relay "
    "release reminder renderer replica report reporter reporting repository request reservation resource response "
    "result return review reward robot role root router routing rules runner runtime sales sample sandbox scale "
    "scanner schedule scheduler scraper screen script search second secondary secret security sender sensor server "
    "service session setting setup shard share shipping shop shopping sidecar signal silver simple single site small "
    "smoke socket source south spare staging start starter static statistic stats status storage store storefront "
    "stream streamer streaming student studio subscriber subscription summary support survey switch sync syncer "
    "system table tagger target task team template tenant terminal test tester third thumbnail ticket timer token "
    "tool tools tracing tracker traffic training transaction transfer transform translate translator transport travel "
    "trigger tunnel update updater upload uploader upper user validator value vault vendor verify version video view "
    "viewer virtual visitor volume wallet warehouse watch watcher water weather webhook website west white whoami "
    "widget wiki window worker workflow workload world writer yellow zookeeper "
)
_WORDS: Final = frozenset(_NAMES.split())
_NUMBER: Final = re.compile(r"[0-9]+$")


def is_ordinary(name: str) -> bool:
    """Whether each part of a workload's name is short, a number, or a word that many would choose."""
    return all(_is_usual(_NUMBER.sub("", part)) for part in re.split(r"[-_.]", name.lower()))


def _is_usual(word: str) -> bool:
    return len(word) < _SHORT or word in _WORDS or word.removesuffix("s") in _WORDS
