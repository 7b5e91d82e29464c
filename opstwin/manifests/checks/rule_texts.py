"""The texts of the rules: level (E, W, I), message, what to do, and both in Korean."""

from collections.abc import Mapping
from typing import Final

Texts = Mapping[str, tuple[str, str, str, str, str]]

SCHEMA: Final[Texts] = {
    "text/unreadable": (
        "E", "{problem}", "{step}", "읽을 수 없습니다: {problem}", "그 자리의 문법을 고치세요."),
    "text/duplicate-key": (
        "E", "{problem}", "Keep one of the two.", "같은 키가 두 번 있습니다: {problem}", "둘 중 하나만 남기세요."),
    "text/limit": ("E", "{problem}", "{step}", "너무 큽니다: {problem}", "더 작은 파일로 나누세요."),
    "text/old-boolean": (
        "W", "{field}: {value} without quotes is text here and a boolean for kubectl.",
        "Write true or false, or put it in quotes.",
        "{field}: 따옴표 없는 {value}은(는) 여기서는 글자이고 kubectl에서는 참/거짓입니다.",
        "true나 false로 적거나 따옴표를 치세요."),
    "schema/no-kind": (
        "E", "{field} is missing.", "Say what it is, such as apiVersion: apps/v1 and kind: Deployment.{hint}",
        "{field} 값이 없습니다.", "apiVersion과 kind를 적으세요.{hint}"),
    "schema/unknown-kind": (
        "E", "Kubernetes {version} has no {kind} in {api}, and no definition of it is known.",
        "Check the spelling, or give its CustomResourceDefinition too.{hint}",
        "Kubernetes {version}의 {api}에는 {kind} 종류가 없습니다.",
        "철자를 확인하거나 CustomResourceDefinition을 함께 주세요.{hint}"),
    "schema/removed-api": (
        "E", "{api} {kind} was removed in Kubernetes {gone}.", "Use {use}.",
        "{api} {kind} 버전은 Kubernetes {gone}에서 없어졌습니다.", "{use}(으)로 바꾸세요."),
    "schema/not-yet-served": (
        "E", "{api} {kind} is served since Kubernetes {since}, not in {version}.", "Use {use}.",
        "{api} {kind} 버전은 Kubernetes {since}부터 있습니다({version}에는 없음).", "{use}(으)로 바꾸세요."),
    "schema/deprecated-api": (
        "W", "{api} {kind} is deprecated{when}.", "Use {use}.",
        "{api} {kind} 버전은 더 권장되지 않습니다.", "{use}(으)로 바꾸세요."),
    "schema/unknown-field": (
        "E", "There is no field {field} here.", "Remove it or correct its name.{hint}",
        "{field} 필드는 여기에 없습니다.", "지우거나 이름을 고치세요.{hint}"),
    "schema/wrong-type": (
        "E", "{field} must be {wanted}, not {found}.", "Write {wanted}.{hint}",
        "{field} 값은 {wanted} 형식이어야 합니다({found} 아님).", "{wanted} 형식으로 적으세요."),
    "schema/missing": (
        "E", "The field {field} is required.", "Add {field}.", "{field} 필드가 꼭 있어야 합니다.",
        "{field} 값을 넣으세요."),
    "schema/not-allowed": (
        "E", "{field} cannot be {value}.", "Use one of: {allowed}.",
        "{field} 값으로 {value}은(는) 쓸 수 없습니다.", "다음 중 하나를 쓰세요: {allowed}."),
    "schema/constraint": (
        "E", "{field} {problem}.", "Follow the definition of this kind.",
        "{field} 값이 정의에 맞지 않습니다: {problem}.", "이 종류의 정의를 따르세요."),
    "schema/unchecked": (
        "I", "The fields of {kind} were not checked: its definition has no schema here.",
        "Give its CustomResourceDefinition to have them checked.",
        "{kind}의 필드는 확인하지 못했습니다: 스키마가 없습니다.", "CustomResourceDefinition을 함께 주면 확인합니다."),
    "schema/other-version": (
        "I", "Schemas of Kubernetes {version} are not known; {used} was used.",
        "Check the findings against the cluster.",
        "Kubernetes {version} 스키마가 없어 {used} 버전으로 확인했습니다.", "클러스터에서 다시 확인하세요."),
}  # fmt: skip

VALUES: Final[Texts] = {
    "names/name": (
        "E", "{value} is not a valid name for a {kind}: {problem}.", "Use {wanted}, such as web-1.",
        "{kind} 이름으로 {value}은(는) 쓸 수 없습니다.", "web-1처럼 소문자, 숫자, -만 쓰세요."),
    "names/no-name": (
        "E", "metadata.name is missing.", "Add metadata.name.", "metadata.name이 없습니다.",
        "metadata.name을 넣으세요."),
    "names/field": (
        "E", "{value} is not a valid {what}: {problem}.", "Use {wanted}.",
        "{what} 값으로 {value}은(는) 쓸 수 없습니다.", "{wanted} 형식으로 적으세요."),
    "names/label": (
        "E", "The label {key} is not valid: {problem}.", "Use up to 63 letters, digits, -, _ and ., as in app: web-1.",
        "레이블 {key}이(가) 올바르지 않습니다.", "영문자, 숫자, -, _, .만 63자까지 쓰세요."),
    "names/annotation": (
        "E", "The annotation {key} is not valid: {problem}.",
        "Use a key such as example.com/note, and less than 256 KiB.",
        "어노테이션 {key}이(가) 올바르지 않습니다.", "example.com/note 같은 키를 쓰고 256 KiB보다 작게 하세요."),
    "names/twice": (
        "E", "{subject} is there twice, first in {where}.", "Keep one of the two, or rename one.",
        "{subject}이(가) 두 번 있습니다(처음: {where}).", "하나만 남기거나 이름을 바꾸세요."),
    "names/element-twice": (
        "E", "Two {what} are called {value}.", "Give each its own name.",
        "{what} 이름 {value}이(가) 두 번 쓰였습니다.", "이름을 서로 다르게 하세요."),
    "values/quantity": (
        "E", "{field}: {value} is not an amount.", "Write it like 250m (CPU) or 256Mi (memory); it cannot be negative.",
        "{field}: {value}은(는) 수량이 아닙니다.", "250m(CPU)이나 256Mi(메모리)처럼 적으세요."),
    "values/odd-amount": (
        "W", "{field}: {value} is {problem}.", "Check the unit: m is a thousandth, Mi is 2^20 bytes.",
        "{field}: {value} 값이 이상합니다.", "단위를 확인하세요: m은 1/1000, Mi는 2^20바이트입니다."),
    "values/request-above-limit": (
        "E", "The request of {what} ({request}) is above its limit ({limit}).", "Lower the request or raise the limit.",
        "{what} 요청({request})이 한도({limit})보다 큽니다.", "요청을 낮추거나 한도를 높이세요."),
    "values/replicas": (
        "E", "{field}: {value} copies cannot run in one cluster.", "Ask for 0 to 150,000 pods.",
        "{field}: {value}개는 한 클러스터에서 실행할 수 없습니다.", "0에서 150,000 사이로 적으세요."),
    "values/many-replicas": (
        "W", "{field}: {value} copies are many.", "Make sure that it is not a slip of the finger.",
        "{field}: {value}개는 많습니다.", "잘못 적은 값이 아닌지 확인하세요."),
    "values/min-above-max": (
        "E", "minReplicas ({least}) is above maxReplicas ({most}).", "Let minReplicas be at most maxReplicas.",
        "minReplicas({least})가 maxReplicas({most})보다 큽니다.", "minReplicas를 maxReplicas 이하로 하세요."),
    "values/no-progress": (
        "E", "maxSurge and maxUnavailable are both 0: a rollout could never go on.", "Let one of the two be above 0.",
        "maxSurge와 maxUnavailable이 모두 0이면 교체가 진행되지 않습니다.", "둘 중 하나를 0보다 크게 하세요."),
    "values/port": (
        "E", "{field}: {value} is not a port.", "Use a number from 1 to 65535, or a name of up to 15 letters.",
        "{field}: {value}은(는) 포트가 아닙니다.", "1에서 65535 사이의 수나 15자 이하의 이름을 쓰세요."),
    "values/probe": (
        "E", "The {probe} {problem}.", "{step}", "{probe} 설정이 잘못되었습니다.",
        "검사 방법 하나와 올바른 시간을 적으세요."),
    "values/schedule": (
        "E", "The schedule {value} is not valid: {problem}.",
        "Write five fields: minute hour day month weekday, such as 0 3 * * *.",
        "일정 {value}이(가) 올바르지 않습니다.", "분 시 일 월 요일 다섯 칸으로 적으세요(예: 0 3 * * *)."),
    "values/image": (
        "E", "{value} is not the name of an image.", "Write it like registry.example.com/team/web:1.4.2.",
        "{value}은(는) 이미지 이름이 아닙니다.", "registry.example.com/team/web:1.4.2처럼 적으세요."),
    "values/floating-image": (
        "W", "The image {value} {problem}: what runs can change without a change here.",
        "Name a version (web:1.4.2), or better a digest (web@sha256:…).",
        "이미지 {value}은(는) 내용이 바뀔 수 있습니다.", "버전(web:1.4.2)이나 다이제스트(web@sha256:…)를 적으세요."),
    "values/one-of": (
        "E", "{field} says {fields}, of which only one may be said.", "Keep one of them.",
        "{field}: {fields} 중 하나만 적을 수 있습니다.", "하나만 남기세요."),
    "values/image-id": (
        "W", "The image {value} is an id on one machine: no registry knows it.",
        "Give the image a name and push it, then write name:tag or name@sha256:….",
        "이미지 {value}은(는) 한 기기의 ID라서 레지스트리에서 받을 수 없습니다.",
        "이미지에 이름을 붙여 올린 뒤 name:tag나 name@sha256:…를 적으세요."),
    "values/restart": (
        "E", "restartPolicy of a {kind} must be {allowed}, not {value}.", "Use restartPolicy: {use}.",
        "{kind}의 restartPolicy는 {allowed}이어야 합니다({value} 아님).", "restartPolicy: {use}(으)로 바꾸세요."),
}  # fmt: skip

REFERENCES: Final[Texts] = {
    "refs/selector": (
        "E", "The selector asks for {label}, which the labels of its pod template do not have.",
        "Give the template the same labels as the selector.",
        "셀렉터의 {label} 레이블이 파드 템플릿에 없습니다.", "템플릿 레이블을 셀렉터와 같게 하세요."),
    "refs/empty-selector": (
        "E", "The selector of a {kind} cannot be empty.", "Select by the labels of the template.",
        "{kind}의 셀렉터는 비울 수 없습니다.", "템플릿의 레이블로 고르세요."),
    "refs/service-selector": (
        "W", "No pods have the labels that the Service selects ({labels}).", "Use the labels of the pod template.",
        "서비스가 고르는 레이블({labels})을 가진 파드가 없습니다.", "파드 템플릿의 레이블을 쓰세요."),
    "refs/service-port": (
        "E", "No selected pod has a port named {port}.", "Name the container's port, or use its number as targetPort.",
        "고른 파드에 {port} 포트가 없습니다.", "컨테이너 포트에 이름을 주거나 targetPort에 번호를 쓰세요."),
    "refs/undeclared-port": (
        "I", "No selected pod declares the port {port}.", "Check that the container listens there.",
        "고른 파드가 {port} 포트를 적어 두지 않았습니다.", "컨테이너가 그 포트를 여는지 확인하세요."),
    "refs/not-found": (
        "E", "{target} does not exist.", "Add it to the manifests, or correct the name.",
        "{target}이(가) 없습니다.", "매니페스트에 넣거나 이름을 고치세요."),
    "refs/not-in-set": (
        "I", "{target} is not among these manifests.", "Make sure that it exists in the cluster.",
        "{target}이(가) 이 매니페스트에 없습니다.", "클러스터에 있는지 확인하세요."),
    "refs/key": (
        "E", "{target} has no key {key}.", "Add the key, or correct its name.",
        "{target}에 {key} 키가 없습니다.", "키를 넣거나 이름을 고치세요."),
    "refs/hpa-requests": (
        "W", "{target} has no request of {resource}, so its utilisation cannot be told and nothing is scaled.",
        "Set resources.requests.{resource} on its containers.",
        "{target}에 {resource} 요청이 없어 자동 확장이 되지 않습니다.",
        "컨테이너에 resources.requests.{resource}를 적으세요."),
    "refs/hpa-target": (
        "E", "A {kind} cannot be scaled.", "Name a Deployment, StatefulSet or ReplicaSet.",
        "{kind}은(는) 확장할 수 없습니다.", "Deployment, StatefulSet, ReplicaSet 중 하나를 적으세요."),
    "refs/pdb-selector": (
        "W", "No pods have the labels that the PodDisruptionBudget selects ({labels}).",
        "Use the labels of the pod template.",
        "PodDisruptionBudget이 고르는 레이블({labels})을 가진 파드가 없습니다.", "파드 템플릿의 레이블을 쓰세요."),
    "refs/pdb-blocks": (
        "W", "This PodDisruptionBudget never lets a pod go, so nodes cannot be drained.",
        "Allow at least one, such as maxUnavailable: 1.",
        "이 PodDisruptionBudget은 파드를 하나도 내보내지 않습니다.", "maxUnavailable: 1처럼 하나는 허용하세요."),
    "refs/ingress-port": (
        "E", "{target} has no port {port}.", "Name a port of the Service.",
        "{target}에 {port} 포트가 없습니다.", "서비스의 포트를 적으세요."),
    "refs/mount": (
        "E", "The mount {value} has no volume of that name.", "Add the volume, or correct the name.",
        "마운트 {value}에 해당하는 볼륨이 없습니다.", "볼륨을 넣거나 이름을 고치세요."),
    "refs/unused-volume": (
        "I", "The volume {value} is not mounted.", "Mount it or remove it.",
        "볼륨 {value}을(를) 마운트하는 컨테이너가 없습니다.", "마운트하거나 지우세요."),
    "refs/same-mount": (
        "E", "Two volumes are mounted at {value}.", "Mount each at its own path.",
        "{value} 경로에 볼륨이 둘 마운트되었습니다.", "경로를 서로 다르게 하세요."),
}  # fmt: skip

_SECURE = "Pod Security ({standard}): "
_NEED = "Remove it, or have a reason that a reviewer accepts."
_NEED_KO = "지우거나, 검토자가 납득할 이유를 준비하세요."


def _control(level: str, text: str, fix: str, text_ko: str, fix_ko: str) -> tuple[str, str, str, str, str]:
    return level, _SECURE + text, fix, _SECURE + text_ko, fix_ko


POD_SECURITY: Final[Texts] = {
    "security/host-root": (
        "E", "The host path {value} gives whoever runs in this pod the whole node.",
        "Mount only what is needed, from a claim.",
        "호스트 경로 {value}은(는) 노드 전체를 넘겨줍니다.", "필요한 것만 클레임으로 마운트하세요."),
    "security/host-process": _control(
        "W", "hostProcess runs on the Windows host itself.", _NEED, "hostProcess는 Windows 호스트에서 실행됩니다.",
        _NEED_KO),
    "security/host-namespaces": _control(
        "W", "{value} shares the node's own namespace.", _NEED, "{value}은(는) 노드의 네임스페이스를 함께 씁니다.",
        _NEED_KO),
    "security/privileged": _control(
        "W", "a privileged container can do anything on its node.", "Add single capabilities instead, if any.",
        "특권 컨테이너는 노드에서 무엇이든 할 수 있습니다.", "필요하면 권한을 하나씩 더하세요."),
    "security/capabilities": _control(
        "W", "the capability {value} may not be added.", _NEED, "{value} 권한은 더할 수 없습니다.", _NEED_KO),
    "security/host-path": _control(
        "W", "the host path {value} is shared with the node.", "Use a claim, a ConfigMap or an emptyDir.",
        "호스트 경로 {value}을(를) 노드와 함께 씁니다.", "클레임, ConfigMap, emptyDir을 쓰세요."),
    "security/host-port": _control(
        "W", "the host port {value} is taken on the node.", "Use a Service.", "노드의 {value} 포트를 씁니다.",
        "Service를 쓰세요."),
    "security/probe-host": _control(
        "W", "a probe or hook may not name the host {value}.", "Remove host: the pod itself is asked then.",
        "검사나 훅에 호스트 {value}을(를) 적을 수 없습니다.", "host를 지우세요."),
    "security/app-armor": _control(
        "W", "the AppArmor profile {value} takes the protection away.", "Use RuntimeDefault.",
        "AppArmor 프로필 {value}은(는) 보호를 없앱니다.", "RuntimeDefault를 쓰세요."),
    "security/selinux": _control(
        "W", "seLinuxOptions.{value} may not be set like this.", "Leave it out.",
        "seLinuxOptions.{value} 값을 이렇게 둘 수 없습니다.", "지우세요."),
    "security/proc-mount": _control(
        "W", "procMount {value} uncovers /proc.", "Use Default.", "procMount {value}은(는) /proc을 드러냅니다.",
        "Default를 쓰세요."),
    "security/seccomp": _control(
        "W", "the seccomp profile {value} is not allowed.", "Use RuntimeDefault or Localhost.",
        "seccomp 프로필 {value}은(는) 쓸 수 없습니다.", "RuntimeDefault나 Localhost를 쓰세요."),
    "security/sysctls": _control(
        "W", "the sysctl {value} is not a safe one.", _NEED, "sysctl {value}은(는) 안전하지 않습니다.", _NEED_KO),
    "security/volume-type": _control(
        "I", "volumes of type {value} are not allowed.", "Use a claim, a ConfigMap, a Secret or an emptyDir.",
        "{value} 볼륨은 쓸 수 없습니다.", "클레임, ConfigMap, Secret, emptyDir을 쓰세요."),
    "security/escalation": _control(
        "I", "allowPrivilegeEscalation must be false.", "Set securityContext.allowPrivilegeEscalation: false.",
        "allowPrivilegeEscalation은 false여야 합니다.", "securityContext.allowPrivilegeEscalation: false로 두세요."),
    "security/non-root": _control(
        "I", "runAsNonRoot must be true.", "Set securityContext.runAsNonRoot: true.",
        "runAsNonRoot는 true여야 합니다.", "securityContext.runAsNonRoot: true로 두세요."),
    "security/root-user": _control(
        "I", "runAsUser must not be 0.", "Use another number, such as 10001.",
        "runAsUser는 0일 수 없습니다.", "10001 같은 다른 번호를 쓰세요."),
    "security/seccomp-unset": _control(
        "I", "no seccomp profile is set.", "Set securityContext.seccompProfile.type: RuntimeDefault.",
        "seccomp 프로필이 없습니다.", "securityContext.seccompProfile.type: RuntimeDefault로 두세요."),
    "security/drop-all": _control(
        "I", "all capabilities must be dropped.", "Set securityContext.capabilities.drop: [ALL].",
        "모든 권한을 내려놓아야 합니다.", "securityContext.capabilities.drop: [ALL]로 두세요."),
    "security/added-capability": _control(
        "I", "only NET_BIND_SERVICE may be added, not {value}.", _NEED,
        "NET_BIND_SERVICE 말고 {value}은(는) 더할 수 없습니다.", _NEED_KO),
}  # fmt: skip
