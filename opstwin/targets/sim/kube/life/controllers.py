"""Who looks at objects of which home."""

from typing import Final

from opstwin.targets.sim.kube.life.acting import look_at_untold
from opstwin.targets.sim.kube.life.autoscalers import look_at_autoscaler
from opstwin.targets.sim.kube.life.daemon_sets import look_at_daemon_set
from opstwin.targets.sim.kube.life.deployments import look_at_deployment
from opstwin.targets.sim.kube.life.engine import Controller
from opstwin.targets.sim.kube.life.garbage import look_for_owners
from opstwin.targets.sim.kube.life.jobs import look_at_job
from opstwin.targets.sim.kube.life.pods import look_at_pod
from opstwin.targets.sim.kube.life.replica_sets import look_at_replica_set
from opstwin.targets.sim.kube.life.services import look_at_budget, look_at_claim, look_at_quota, look_at_service
from opstwin.targets.sim.kube.life.spaces import look_at_definition, look_at_namespace
from opstwin.targets.sim.kube.life.stateful_sets import look_at_stateful_set

CONTROLLERS: Final[dict[str, tuple[Controller, ...]]] = {
    "": (look_for_owners,),
    "events": (look_at_untold,),
    "pods": (look_at_pod,),
    "replicasets.apps": (look_at_replica_set,),
    "deployments.apps": (look_at_deployment,),
    "statefulsets.apps": (look_at_stateful_set,),
    "daemonsets.apps": (look_at_daemon_set,),
    "jobs.batch": (look_at_job,),
    "horizontalpodautoscalers.autoscaling": (look_at_autoscaler,),
    "services": (look_at_service,),
    "poddisruptionbudgets.policy": (look_at_budget,),
    "resourcequotas": (look_at_quota,),
    "persistentvolumeclaims": (look_at_claim,),
    "namespaces": (look_at_namespace,),
    "customresourcedefinitions.apiextensions.k8s.io": (look_at_definition,),
}
