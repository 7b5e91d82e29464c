"""What findings about a cluster say, in English and Korean. The cluster's own words stand in the evidence, as data."""

from collections.abc import Mapping
from typing import Final

CLUSTER: Final[Mapping[str, tuple[str, str]]] = {
    "image_pull": (
        "{name} does not come up: image {image} cannot be pulled ({count} pod(s)).",
        "{name}이(가) 시작되지 않습니다. 이미지 {image}을(를) 가져올 수 없습니다(파드 {count}개).",
    ),
    "not_started": (
        "{name} does not come up: a container of {count} pod(s) cannot be started.",
        "{name}이(가) 시작되지 않습니다. 파드 {count}개의 컨테이너를 시작할 수 없습니다.",
    ),
    "config_missing": (
        "{name} does not come up: a ConfigMap or Secret that it needs, or a key of one, is missing ({count} pod(s)).",
        "{name}이(가) 시작되지 않습니다. 필요한 ConfigMap이나 Secret, 또는 그 키가 없습니다(파드 {count}개).",
    ),
    "pod_out_of_memory": (
        "A container of {name} was killed: it needed more memory than its limit of {limit} (restarts: {count}).",
        "{name}의 컨테이너가 메모리 한도 {limit}을(를) 넘어 강제 종료되었습니다(재시작 {count}회).",
    ),
    "pod_out_of_memory_unlimited": (
        "A container of {name} was killed because memory ran out; it has no limit of its own (restarts: {count}).",
        "{name}의 컨테이너가 메모리 부족으로 강제 종료되었습니다. 자체 한도는 없습니다(재시작 {count}회).",
    ),
    "probe_fails": (
        "{name} runs, but a probe of {count} pod(s) never passes, so no traffic reaches them.",
        "{name}이(가) 실행 중이지만 파드 {count}개의 프로브가 통과하지 않아 트래픽을 받지 못합니다.",
    ),
    "unschedulable_resources": (
        "No node has room for {count} pod(s) of {name}: they ask for more than is free.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 남은 자원보다 많이 요청합니다.",
    ),
    "unschedulable_taints": (
        "No node takes {count} pod(s) of {name}: nodes have taints that it does not tolerate.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 노드의 테인트를 허용하지 않습니다.",
    ),
    "unschedulable_placement": (
        "No node takes {count} pod(s) of {name}: its node selector or affinity rules fit none.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 노드 셀렉터나 어피니티 규칙에 맞는 노드가 없습니다.",
    ),
    "unschedulable_claims": (
        "No node takes {count} pod(s) of {name}: a volume that it claims is not there, or is elsewhere.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 요청한 볼륨이 없거나 다른 곳에 있습니다.",
    ),
    "unschedulable_ports": (
        "No node takes {count} pod(s) of {name}: a port of the host that it needs is taken on all of them.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 필요한 호스트 포트가 모두 사용 중입니다.",
    ),
    "unschedulable_cordoned": (
        "No node takes {count} pod(s) of {name}: the nodes are closed to new pods.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 노드가 새 파드를 받지 않도록 닫혀 있습니다.",
    ),
    "unschedulable_other": (
        "No node takes {count} pod(s) of {name}. The scheduler says why.",
        "{name}의 파드 {count}개를 받을 노드가 없습니다. 이유는 스케줄러의 말을 보세요.",
    ),
    "quota_exceeded": (
        "Pods of {name} may not be made: quota {by} of its namespace is used up.",
        "{name}의 파드를 만들 수 없습니다. 네임스페이스의 할당량 {by}을(를) 모두 사용했습니다.",
    ),
    "webhook_down": (
        "Pods of {name} cannot be made: admission webhook {by} does not answer.",
        "{name}의 파드를 만들 수 없습니다. 어드미션 웹훅 {by}이(가) 응답하지 않습니다.",
    ),
    "pods_refused": (
        "Pods of {name} may not be made: the cluster refuses them.",
        "{name}의 파드를 만들 수 없습니다. 클러스터가 거부합니다.",
    ),
    "rollout_stuck": (
        "The rollout of {name} has made no progress within its deadline: {ready} of {wanted} are ready.",
        "{name}의 롤아웃이 기한 안에 진행되지 않았습니다. {wanted}개 중 {ready}개가 준비되었습니다.",
    ),
    "not_working": (
        "The cluster says that {name} does not work.",
        "클러스터가 {name}이(가) 작동하지 않는다고 알립니다.",
    ),
    "service_selector": (
        "Service {name} leads nowhere: its selector matches no pod and no workload.",
        "서비스 {name}이(가) 연결되는 곳이 없습니다. 셀렉터에 맞는 파드도 워크로드도 없습니다.",
    ),
    "service_unready": (
        "Service {name} leads nowhere: none of its {count} pod(s) is ready.",
        "서비스 {name}이(가) 연결되는 곳이 없습니다. 파드 {count}개 중 준비된 것이 없습니다.",
    ),
    "service_starting": (
        "Service {name} leads nowhere: its workload has no pods.",
        "서비스 {name}이(가) 연결되는 곳이 없습니다. 해당 워크로드에 파드가 없습니다.",
    ),
    "service_asleep": (
        "Service {name} leads nowhere: its workload is scaled to 0.",
        "서비스 {name}이(가) 연결되는 곳이 없습니다. 해당 워크로드가 0개로 줄어 있습니다.",
    ),
    "claim_pending": (
        "Claim {name} has no volume yet.",
        "클레임 {name}에 아직 볼륨이 없습니다.",
    ),
    "claim_unused": (
        "Claim {name} has no volume, and no pod that waits for one.",
        "클레임 {name}에 볼륨이 없으며, 기다리는 파드도 없습니다.",
    ),
    "claim_lost": (
        "Claim {name} has lost its volume: the data behind it is gone, or out of reach.",
        "클레임 {name}이(가) 볼륨을 잃었습니다. 데이터가 사라졌거나 접근할 수 없습니다.",
    ),
    "autoscaler_blind": (
        "Autoscaler {name} gets no metrics, so it keeps the number of replicas as it is.",
        "오토스케일러 {name}이(가) 지표를 받지 못해 복제본 수를 그대로 둡니다.",
    ),
    "autoscaler_lost": (
        "Autoscaler {name} cannot scale what it is for.",
        "오토스케일러 {name}이(가) 대상을 조정할 수 없습니다.",
    ),
    "autoscaler_wants_more": (
        "Autoscaler {name} wants more than its maximum of {most} replicas.",
        "오토스케일러 {name}이(가) 최대 복제본 {most}개보다 더 필요로 합니다.",
    ),
    "autoscaler_full": (
        "Autoscaler {name} is at its maximum of {most} replicas.",
        "오토스케일러 {name}이(가) 최대 복제본 {most}개에 도달했습니다.",
    ),
    "node_silent": (
        "Node {name} does not answer the cluster; {count} pod(s) were last seen on it.",
        "노드 {name}이(가) 클러스터에 응답하지 않습니다. 그 위의 파드는 {count}개였습니다.",
    ),
    "node_not_ready": (
        "Node {name} is not ready; {count} pod(s) are on it.",
        "노드 {name}이(가) 준비되지 않았습니다. 그 위의 파드는 {count}개입니다.",
    ),
    "node_under_pressure": (
        "Node {name} runs out of something: {what}. Pods may be evicted from it.",
        "노드 {name}의 자원이 부족합니다: {what}. 파드가 쫓겨날 수 있습니다.",
    ),
    "namespace_wanted": (
        "Namespace {name} is being deleted, with {count} resource(s) in it that should exist.",
        "네임스페이스 {name}이(가) 삭제되는 중이며, 그 안에 있어야 할 리소스가 {count}개 있습니다.",
    ),
    "namespace_stuck": (
        "Namespace {name} is being deleted and waits for what is left in it.",
        "네임스페이스 {name}이(가) 삭제되는 중이며, 남은 것이 사라지기를 기다립니다.",
    ),
    "namespace_leaving": (
        "Namespace {name} is being deleted: nothing new can be made in it.",
        "네임스페이스 {name}이(가) 삭제되는 중입니다. 새로 만들 수 없습니다.",
    ),
    "eviction_waits": (
        "Budget {name} lets no pod go ({healthy} healthy, {wanted} must stay), and a closed node waits for that.",
        "예산 {name}이(가) 파드를 내보내지 않아(정상 {healthy}개, 유지 {wanted}개) 닫힌 노드가 기다리고 있습니다.",
    ),
    "eviction_blocked": (
        "Budget {name} never lets a pod go: {wanted} of its {count} pod(s) must stay, so no node can be drained.",
        "예산 {name}은(는) 파드를 내보내지 않습니다. {count}개 중 {wanted}개를 유지해야 해 노드를 비울 수 없습니다.",
    ),
}
"""Texts by the words of a clue."""
