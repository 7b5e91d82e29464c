"""The life of one container: waiting, running, ended, starting again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.schema import Doc

FIRST_PAUSE_S: Final = 10.0
LONGEST_PAUSE_S: Final = 300.0
PULL_BACK_OFF_S: Final = 10.0
"""How the kubelet waits: after a second end, at most, and after a pull that failed."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing to tell in an event."""

    reason: str
    message: str
    warning: bool = False


@dataclass(slots=True, kw_only=True)
class Step:
    """Where a container has come to: its status, when to look again, what happened on the way."""

    status: Doc
    due_s: float | None
    told: list[Told]
    started: bool = False


def begin(container: Doc) -> Doc:
    """The status of a container that has not been touched."""
    return {
        "name": container["name"], "image": container["image"], "imageID": "", "ready": False, "restartCount": 0,
        "started": False, "state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {},
    }  # fmt: skip


def step(container: Doc, status: Doc, image: Image, policy: str, now: datetime) -> Step:
    """What becomes of a container by `now`."""
    done = Step(status=status, due_s=None, told=[])
    for _ in range(8):
        before = done.status
        _once(container, done, image, policy, now)
        if done.status == before:
            break
    return done


def _once(container: Doc, done: Step, image: Image, policy: str, now: datetime) -> None:
    state = done.status["state"]
    if "waiting" in state:
        _waiting(container, done, image, now)
    elif "running" in state:
        _running(container, done, image, policy, now)
    else:
        done.due_s = None


def _waiting(container: Doc, done: Step, image: Image, now: datetime) -> None:
    status = done.status
    waiting = status["state"]["waiting"]
    if not image.pulls:
        _not_pulled(container, done, now)
        return
    left_s = _left_s(waiting.get("until"), now)
    if left_s > 0:
        done.due_s = left_s
        return
    if status["restartCount"] == 0 and not status["imageID"]:
        done.told.append(Told("Pulled", f'Successfully pulled image "{container["image"]}"'))
    done.told.append(Told("Created", f"Created container: {container['name']}"))
    done.told.append(Told("Started", f"Started container {container['name']}"))
    done.started = True
    running = {"running": {"startedAt": _text(now), "exact": now.isoformat()}}
    done.status = {
        **status, "state": running, "started": True, "imageID": f"docker-pullable://{container['image']}",
        "containerID": f"containerd://{container['name']}-{status['restartCount']}",
    }  # fmt: skip


def _not_pulled(container: Doc, done: Step, now: datetime) -> None:
    waiting = done.status["state"]["waiting"]
    name = container["image"]
    left_s = _left_s(waiting.get("until"), now)
    if waiting["reason"] == "ErrImagePull" and left_s <= 0:
        message = f'Back-off pulling image "{name}"'
        done.told.append(Told("BackOff", message))
        done.status = {**done.status, "state": {"waiting": {"reason": "ImagePullBackOff", "message": message}}}
        done.due_s = None
    elif waiting["reason"] == "ErrImagePull":
        done.due_s = left_s
    elif waiting["reason"] != "ImagePullBackOff":
        message = f'failed to resolve reference "{name}": {name}: not found'
        done.told.append(Told("Pulling", f'Pulling image "{name}"'))
        done.told.append(Told("Failed", f'Failed to pull image "{name}": {message}', warning=True))
        until = (now + timedelta(seconds=PULL_BACK_OFF_S)).isoformat()
        state = {"waiting": {"reason": "ErrImagePull", "message": message, "until": until}}
        done.status = {**done.status, "state": state}


def _running(container: Doc, done: Step, image: Image, policy: str, now: datetime) -> None:
    began = datetime.fromisoformat(done.status["state"]["running"]["exact"])
    age_s = (now - began).total_seconds()
    probed_s = _probed(container, done, image, age_s)
    ends_s = image.runs_s if image.exits is not None else _killed_after_s(container, image)
    if ends_s is not None and age_s >= ends_s:
        _ended(container, done, image, policy, now)
        return
    ready_s = image.start_s + _initial_delay_s(container)
    if image.ready and age_s >= ready_s:
        done.status = {**done.status, "ready": True}
    dues = [due for due in (ends_s, ready_s if image.ready else None, probed_s) if due is not None and due > age_s]
    done.due_s = min(dues) - age_s if dues else None


def _probed(container: Doc, done: Step, image: Image, age_s: float) -> float | None:
    """Tell the first failure of a readiness probe and each of a liveness probe that never pass.

    Returns at which age the next one comes.
    """
    if not image.ready and container.get("readinessProbe") and not done.status["state"]["running"].get("unready"):
        done.told.append(Told("Unhealthy", "Readiness probe failed: ", warning=True))
        done.status = {**done.status, "state": {"running": {**done.status["state"]["running"], "unready": True}}}
    probe = container.get("livenessProbe")
    if image.alive or not probe:
        return None
    delay_s, period_s = float(probe.get("initialDelaySeconds") or 0), float(probe["periodSeconds"])
    failed = min(max(int((age_s - delay_s) // period_s), 0), int(probe["failureThreshold"]))
    running = done.status["state"]["running"]
    done.told += [Told("Unhealthy", "Liveness probe failed: ", warning=True)] * (failed - running.get("failed", 0))
    done.status = {**done.status, "state": {"running": {**running, "failed": failed}}}
    return delay_s + period_s * (failed + 1)


def _initial_delay_s(container: Doc) -> float:
    return float((container.get("readinessProbe") or {}).get("initialDelaySeconds") or 0)


def _killed_after_s(container: Doc, image: Image) -> float | None:
    """When a liveness probe that never passes has the container killed."""
    probe = container.get("livenessProbe")
    if image.alive or not probe:
        return None
    return float((probe.get("initialDelaySeconds") or 0) + probe["periodSeconds"] * probe["failureThreshold"])


def _ended(container: Doc, done: Step, image: Image, policy: str, now: datetime) -> None:
    code = image.exits if image.exits is not None else 137
    if image.exits is None:
        done.told.append(Told("Killing", f"Container {container['name']} failed liveness probe, will be restarted"))
    reason = "OOMKilled" if image.out_of_memory else "Completed" if code == 0 else "Error"
    ended = {
        "exitCode": 137 if image.out_of_memory else code, "reason": reason,
        "startedAt": done.status["state"]["running"]["startedAt"], "finishedAt": _text(now),
        "containerID": done.status["containerID"],
    }  # fmt: skip
    status = {**done.status, "ready": False, "started": False}
    if policy == "Never" or (policy == "OnFailure" and code == 0):
        done.status = {**status, "state": {"terminated": ended}}
        return
    count = status["restartCount"] + 1
    pause_s = 0.0 if count == 1 else min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (count - 2))
    waiting: dict[str, Any] = {"reason": "CrashLoopBackOff", "until": (now + timedelta(seconds=pause_s)).isoformat()}
    waiting["message"] = f"back-off {int(pause_s)}s restarting failed container={container['name']}"
    if pause_s:
        done.told.append(Told("BackOff", f"Back-off restarting failed container {container['name']}", warning=True))
    done.status = {
        **status, "restartCount": count, "state": {"waiting": waiting}, "lastState": {"terminated": ended},
    }  # fmt: skip


def _left_s(until: str | None, now: datetime) -> float:
    return (datetime.fromisoformat(until) - now).total_seconds() if until else 0.0


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
