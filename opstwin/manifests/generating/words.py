"""The sentences of the generator, in English and in Korean. What stands in braces is filled in."""

from collections.abc import Mapping
from typing import Final

WHYS: Final[Mapping[str, tuple[str, str]]] = {
    "kind_schedule": ("A schedule makes it a CronJob.", "일정이 있어 CronJob으로 만듭니다."),
    "kind_asked": ("This kind was asked for.", "요청한 종류입니다."),
    "kind_task": (
        "It is never restarted and listens nowhere, so it is a task that ends.",
        "재시작하지 않고 듣는 포트도 없어 끝나는 작업으로 봅니다.",
    ),
    "kind_stateful": (
        "The image keeps data, so each pod gets a stable name and storage of its own.",
        "데이터를 보관하는 이미지라 파드마다 고정된 이름과 저장소를 줍니다.",
    ),
    "kind_service": ("It runs on and keeps nothing of its own.", "계속 실행되며 따로 보관하는 데이터가 없습니다."),
    "replicas": ("As many as asked for.", "요청한 수만큼 실행합니다."),
    "replicas_draft": ("As many as a language model proposed.", "언어 모델이 제안한 수만큼 실행합니다."),
    "replicas_scaled": (
        "No replicas here: the autoscaler sets them, and two owners would undo each other.",
        "복제본 수는 오토스케일러가 정하므로 여기에 쓰지 않습니다.",
    ),
    "stopped": ("It shall not run now.", "지금은 실행하지 않습니다."),
    "selector": (
        "These labels never change, because a selector cannot.",
        "셀렉터는 바꿀 수 없어 변하지 않는 레이블만 씁니다.",
    ),
    "recreate": (
        "One node at a time can use the volume, so the old pod ends before the new one begins.",
        "볼륨은 한 노드만 쓸 수 있어 이전 파드가 끝난 뒤 새 파드를 시작합니다.",
    ),
    "headless": ("Gives each pod a name of its own.", "파드마다 고유한 이름을 줍니다."),
    "claim": ("Volume {volume} outlives the pods.", "볼륨 {volume}은(는) 파드가 없어져도 남습니다."),
    "no_retry": ("A failed try is not repeated.", "실패해도 다시 시도하지 않습니다."),
    "no_overlap": ("A run waits until the one before has ended.", "앞선 실행이 끝날 때까지 기다립니다."),
    "restart_never": ("It ends by itself.", "스스로 끝나는 작업입니다."),
    "config_mark": (
        "Changes with the settings, so that pods that run get new ones.",
        "설정이 바뀌면 함께 바뀌어 파드가 새 설정을 받습니다.",
    ),
    "no_token": ("It does not call the Kubernetes API.", "쿠버네티스 API를 부르지 않습니다."),
    "no_links": (
        "Variables of other Services would mix with its own.",
        "다른 서비스의 변수가 이 컨테이너의 변수와 섞이지 않게 합니다.",
    ),
    "args": (
        "The command that was asked for; the image's own entrypoint stays.",
        "요청한 명령이며 이미지의 시작 프로그램은 그대로 둡니다.",
    ),
    "program": (
        "The entrypoint that was asked for stands in the place of the image's own.",
        "요청한 시작 프로그램이 이미지의 시작 프로그램을 대신합니다.",
    ),
    "working_dir": ("The folder that it starts in.", "시작할 때의 작업 폴더입니다."),
    "config": ("Plain variables come from the ConfigMap ({count}).", "일반 변수 {count}개는 ConfigMap에서 가져옵니다."),
    "secret": ("A secret is referred to and never written down.", "비밀 값은 쓰지 않고 참조만 합니다."),
    "port_name": (
        "Port {port} has a name that Services and probes use.",
        "포트 {port}에 서비스와 프로브가 쓰는 이름을 줍니다.",
    ),
    "service_type": ("How it is reached.", "접근 방식입니다."),
    "service_port": (
        "Others reach port {name} under its own number.",
        "다른 파드가 포트 {name}에 같은 번호로 접근합니다.",
    ),
    "service_published": (
        "It was published on {port}, so the Service answers there too and leads to {name}.",
        "{port}번으로 공개했으므로 서비스도 그 번호로 받아 {name}(으)로 보냅니다.",
    ),
    "probe_native": (
        "The kubelet asks by itself, so nothing has to run in the container.",
        "kubelet이 직접 확인하므로 컨테이너 안에서 명령을 실행하지 않습니다.",
    ),
    "readiness": ("It gets traffic while the check passes.", "점검이 통과하는 동안만 트래픽을 받습니다."),
    "liveness": (
        "It is restarted after {times} times as many failures as take its traffic away.",
        "트래픽을 끊는 실패 횟수의 {times}배가 되면 재시작합니다.",
    ),
    "startup": (
        "It has {seconds} s to start before the other probes count.",
        "다른 프로브를 세기 전에 시작할 시간 {seconds}초를 줍니다.",
    ),
    "port_readiness": (
        "It gets traffic once port {port} takes connections.",
        "포트 {port}에 연결되면 트래픽을 받습니다.",
    ),
    "size_usage": ("What one replica really used ({source}).", "복제본 하나가 실제로 쓴 양입니다({source})."),
    "size_history": ("What the same image used before ({source}).", "같은 이미지가 전에 쓴 양입니다({source})."),
    "size_profile": ("Nothing is measured yet, so {source} is taken.", "아직 측정값이 없어 {source}을(를) 씁니다."),
    "size_image": ("The image needs at least this much.", "이 이미지에 필요한 최소량입니다."),
    "size_request": ("As much as the limit that was asked for.", "요청한 한도와 같은 양입니다."),
    "size_draft": (
        "As much as the limit that a language model proposed.",
        "언어 모델이 제안한 한도와 같은 양입니다.",
    ),
    "limit_draft": ("The limit that a language model proposed.", "언어 모델이 제안한 한도입니다."),
    "limit_request": ("The limit that was asked for.", "요청한 한도입니다."),
    "limit_usage": ("Room above what was used ({source}).", "사용량보다 여유를 둔 한도입니다({source})."),
    "limit_history": (
        "What past deployments of this image needed ({source}).",
        "이 이미지의 지난 배포에 필요했던 양입니다({source}).",
    ),
    "limit_profile": (
        "Nothing is measured yet, so the limit is that of {source}.",
        "아직 측정값이 없어 {source}의 한도를 씁니다.",
    ),
    "limit_image": ("Twice what the image needs at least.", "이미지에 필요한 최소량의 두 배입니다."),
    "no_cpu_limit": (
        "No CPU limit: it would slow the container down while CPU is free.",
        "CPU 한도는 두지 않습니다. CPU가 남아도 느려지기 때문입니다.",
    ),
    "seccomp": ("The runtime's own filter of system calls.", "런타임 기본 시스템 호출 필터를 씁니다."),
    "non_root": ("The image runs as this user and not as root.", "이미지가 root가 아닌 이 사용자로 실행됩니다."),
    "fs_group": ("Its user must be able to write to the volumes.", "이 사용자가 볼륨에 쓸 수 있어야 합니다."),
    "no_escalation": (
        "No program in it gains more rights than it began with.",
        "안의 프로그램이 권한을 더 얻지 못하게 합니다.",
    ),
    "drop_all": ("It needs no rights of the kernel beyond these.", "이 밖의 커널 권한은 필요하지 않습니다."),
    "add_port": ("It listens below port 1024.", "1024보다 작은 포트에서 듣습니다."),
    "add_root": (
        "It may start as root and become another user, which needs these.",
        "root로 시작해 다른 사용자로 바꿀 수 있어 필요한 권한입니다.",
    ),
    "read_only": (
        "All that it writes to is a volume or an empty folder.",
        "쓰는 곳은 모두 볼륨이나 빈 폴더입니다.",
    ),
    "read_only_asked": (
        "It was asked for: nothing but volumes and folders in memory can be written to.",
        "요청한 대로 볼륨과 메모리 폴더에만 쓸 수 있습니다.",
    ),
    "in_memory": ("A folder in memory: it is empty at each start.", "메모리 폴더라 시작할 때마다 비어 있습니다."),
    "add_asked": ("These rights of the kernel were asked for by name.", "이름으로 요청한 커널 권한입니다."),
    "size_reservation": ("As much as was reserved for it.", "예약하도록 요청한 양입니다."),
    "grace": (
        "It gets {stop_grace_s} s to stop by itself.",
        "스스로 멈출 시간 {stop_grace_s}초를 줍니다.",
    ),
    "reaps": (
        "The pod ends processes that nobody waits for, as an init process does.",
        "파드가 init처럼 기다리는 이가 없는 프로세스를 정리합니다.",
    ),
    "hostname": ("The name that it calls itself.", "파드가 스스로를 부르는 이름입니다."),
    "hosts": ("Names that it finds without asking any name server.", "이름 서버 없이 찾는 이름입니다."),
    "dns_policy": ("It asks the name servers that were given.", "지정한 이름 서버에 묻습니다."),
    "dns_config": ("How it looks names up, as asked for.", "요청한 이름 찾기 방식입니다."),
    "platform": ("It runs on nodes of {platform} only.", "{platform} 노드에서만 실행합니다."),
    "groups": ("Groups that it has beside its own.", "자기 그룹 외에 가지는 그룹입니다."),
    "sysctls": ("Settings of the kernel that every node allows.", "모든 노드가 허용하는 커널 설정입니다."),
    "pull": ("When the image is fetched, as asked for.", "요청한 이미지 가져오기 방식입니다."),
    "stdin": ("Its input stays open.", "표준 입력을 열어 둡니다."),
    "tty": ("It has a terminal.", "터미널을 줍니다."),
    "annotations": ("Notes that were asked for.", "요청한 주석입니다."),
    "scale_least": ("Never fewer than this.", "이보다 적게 줄이지 않습니다."),
    "scale_most": ("Never more than this.", "이보다 많이 늘리지 않습니다."),
    "scale_target": (
        "Pods are added when they use more than {percent} % of the CPU they request.",
        "요청한 CPU의 {percent}%를 넘게 쓰면 파드를 늘립니다.",
    ),
    "budget": ("Maintenance takes one pod at a time.", "유지보수 때 파드를 한 번에 하나만 내립니다."),
    "policy_closed": ("It listens nowhere, so nobody may connect.", "듣는 포트가 없어 아무도 연결할 수 없습니다."),
    "policy_open": ("It is reached from outside the cluster.", "클러스터 밖에서 접근합니다."),
    "policy_peers": ("Only those that belong to it may connect.", "함께 속한 파드만 연결할 수 있습니다."),
    "route": ("Requests for this host go to port {port}.", "이 호스트로 온 요청을 포트 {port}(으)로 보냅니다."),
}
"""Why a value is what it is."""

FINDINGS: Final[Mapping[str, tuple[str, str, str]]] = {
    "label_ours": (
        "Label {key} is set by Opstwin, so the given value is not used.",
        "레이블 {key}은(는) Opstwin이 정하므로 주어진 값을 쓰지 않습니다.",
        "Remove the label.",
    ),
    "label_secret": (
        "Label {key} looks like a secret and is left out.",
        "레이블 {key}은(는) 비밀 값으로 보여 뺐습니다.",
        "Give it to the container as a secret.",
    ),
    "label_key": (
        "{key} is no label or annotation that Kubernetes takes.",
        "{key}은(는) 쿠버네티스가 받는 레이블이나 주석 이름이 아닙니다.",
        "Write it like example.com/name, with letters, digits, dashes and dots.",
    ),
    "env_secret": (
        "{key} looks like a secret: it is referred to, and its value is in no manifest.",
        "{key}은(는) 비밀 값으로 보여 참조만 하고 매니페스트에 쓰지 않습니다.",
        "Make the value available to the hub as {reference}, or create the Secret yourself.",
    ),
    "arg_secret": (
        "Word {number} of the command looks like a secret: it comes from the Secret.",
        "명령의 {number}번째 단어가 비밀 값으로 보여 Secret에서 가져옵니다.",
        "Make the value available to the hub as {reference}, or create the Secret yourself.",
    ),
    "health_secret": (
        "The health check holds a secret, and a probe cannot refer to one: it is left out.",
        "상태 점검에 비밀 값이 있는데 프로브는 참조할 수 없어 뺐습니다.",
        "Write the check so that it reads the secret from a variable.",
    ),
    "no_probe": (
        "Nothing says when it is ready: no health check and no port.",
        "상태 점검도 포트도 없어 준비되었는지 알 수 없습니다.",
        "Add a health check.",
    ),
    "no_liveness": (
        "An open port says nothing about a program that hangs, so nothing restarts one.",
        "포트가 열려 있어도 멈춘 프로그램은 알 수 없어 재시작하지 않습니다.",
        "Add a health check.",
    ),
    "no_requests": (
        "Nothing is requested, so it is the first to go when a node is full, and cannot be scaled by use.",
        "자원 요청이 없어 노드가 가득 차면 먼저 내려가고 사용량으로 늘릴 수 없습니다.",
        "Choose a profile: S, M or L.",
    ),
    "oom_before": (
        "Deployment #{id} of this image ran out of memory with a limit of {limit}.",
        "이 이미지의 배포 #{id}은(는) 한도 {limit}에서 메모리가 부족했습니다.",
        "Ask for more memory.",
    ),
    "few_samples": (
        "Only {count} measurements: use counts from {least} on.",
        "측정값이 {count}개뿐입니다. {least}개부터 사용량을 씁니다.",
        "Wait for more measurements.",
    ),
    "user_named": (
        "The image names its user {user} without a number, so it cannot be shown not to be root.",
        "이미지의 사용자 {user}에 번호가 없어 root가 아닌지 확인할 수 없습니다.",
        "Build the image with a number, such as USER 10001.",
    ),
    "user_unknown": (
        "As which user the image runs is not known, so it may be root.",
        "이미지가 어떤 사용자로 실행되는지 몰라 root일 수 있습니다.",
        "Give the image's user, or build the image with a number, such as USER 10001.",
    ),
    "root": (
        "The image runs as root.",
        "이미지가 root로 실행됩니다.",
        "Build the image with a user, such as USER 10001.",
    ),
    "root_file_system": (
        "Where the image writes is not known, so its own file system stays writable.",
        "이미지가 어디에 쓰는지 몰라 파일 시스템을 쓰기 가능으로 둡니다.",
        "Say which folders it writes to.",
    ),
    "memory_folders": (
        "What is written to {paths} counts as memory of the container.",
        "{paths}에 쓴 것은 컨테이너의 메모리로 셉니다.",
        "Give it a memory limit that holds both.",
    ),
    "sysctl_unsafe": (
        "{name} is not safe in a pod: a node refuses it unless its kubelet is told to allow it.",
        "{name}은(는) 파드에서 안전하지 않아 kubelet이 따로 허용하지 않으면 노드가 거절합니다.",
        "Remove it. Where the kubelet allows it, add it to securityContext.sysctls of the manifest by hand.",
    ),
    "sysctl_later": (
        "{name} is safe in a pod since Kubernetes {since}, and the cluster is {here}.",
        "{name}은(는) 쿠버네티스 {since}부터 안전한데 클러스터는 {here}입니다.",
        "Remove it. Where the kubelet allows it, add it to securityContext.sysctls of the manifest by hand.",
    ),
    "hostname_stateful": (
        "Pods of a StatefulSet call themselves by their own names, so hostname {name} is not set.",
        "StatefulSet의 파드는 자기 이름을 쓰므로 호스트 이름 {name}을(를) 정하지 않습니다.",
        "Remove hostname, or run it as a Deployment.",
    ),
    "dns_own": (
        "It asks {servers} only, so names of Services in the cluster are not found.",
        "{servers}에만 물으므로 클러스터 안의 서비스 이름을 찾지 못합니다.",
        "Leave dns out where it talks to other Services, and have the cluster's DNS forward what is elsewhere.",
    ),
    "data_added": (
        "The image keeps its data in {path}, and no volume is there: it gets one.",
        "이미지가 {path}에 데이터를 보관하는데 볼륨이 없어 하나를 추가합니다.",
        "Name a volume for {path} to choose it yourself.",
    ),
    "host_path": (
        "{path} is a folder of one host: pods on other nodes do not have it, so {inside} is not mounted.",
        "{path}은(는) 한 호스트의 폴더라 다른 노드의 파드에는 없으므로 {inside}을(를) 연결하지 않습니다.",
        "Use a volume for data, or put files into the image or a ConfigMap.",
    ),
    "host_path_used": (
        "{path} is taken from whichever node the pod runs on.",
        "{path}은(는) 파드가 실행되는 노드에서 가져옵니다.",
        "Use a volume, unless every node has this folder.",
    ),
    "shared_volume": (
        "Several pods use volume {volume} at one time, so its storage must allow many writers.",
        "여러 파드가 볼륨 {volume}을(를) 함께 쓰므로 여럿이 쓸 수 있는 저장소여야 합니다.",
        "Choose a storage class that offers ReadWriteMany.",
    ),
    "volume_apart": (
        "Volume {volume} is used by other workloads too, and a StatefulSet has storage of its own.",
        "볼륨 {volume}을(를) 다른 워크로드도 쓰지만 StatefulSet은 자체 저장소를 씁니다.",
        "Run it as a Deployment to share the volume.",
    ),
    "own_data": (
        "Each replica has data of its own: Kubernetes copies none between them.",
        "복제본마다 데이터가 따로 있으며 쿠버네티스가 서로 복사하지 않습니다.",
        "Set up replication in the program, or use one replica.",
    ),
    "job": (
        "It runs once, as a Job, and is not started again when it ends.",
        "Job으로 한 번 실행하며 끝나면 다시 시작하지 않습니다.",
        "To keep it running, set restart: unless-stopped.",
    ),
    "job_stopped": (
        "This release of Kubernetes cannot hold a Job back.",
        "이 쿠버네티스 버전은 Job을 멈춰 둘 수 없습니다.",
        "Apply it when it shall run.",
    ),
    "restart": (
        "Pods that run on are always restarted; restart: {policy} is not possible.",
        "계속 실행하는 파드는 항상 재시작되므로 restart: {policy}은(는) 할 수 없습니다.",
        "To run it once, ask for a Job.",
    ),
    "unreachable": (
        "{other} needs it, and nothing says which port it listens on, so it gets no Service.",
        "{other}에 필요하지만 듣는 포트를 알 수 없어 서비스를 만들지 않습니다.",
        "Add its port.",
    ),
    "task_ports": (
        "A {kind} ends, so its ports get no Service.",
        "{kind}은(는) 끝나는 작업이라 포트에 서비스를 만들지 않습니다.",
        "Run it as a Deployment, or remove the ports.",
    ),
    "scale_kind": (
        "A {kind} is not scaled by use.",
        "{kind}은(는) 사용량으로 늘리지 않습니다.",
        "Set the replicas yourself.",
    ),
    "scale_stopped": (
        "What shall not run is not scaled.",
        "실행하지 않을 것은 늘리지 않습니다.",
        "Start it first.",
    ),
    "scale_requests": (
        "Without requests the use of a pod has no measure, so there is no autoscaler.",
        "자원 요청이 없으면 사용률을 잴 수 없어 오토스케일러를 만들지 않습니다.",
        "Choose a profile: S, M or L.",
    ),
    "scale_served": (
        "The cluster serves neither autoscaling/v2 nor v2beta2, so there is no autoscaler.",
        "클러스터에 autoscaling/v2도 v2beta2도 없어 오토스케일러를 만들지 않습니다.",
        "Set the replicas yourself.",
    ),
    "budget_served": (
        "The cluster serves no PodDisruptionBudget, so maintenance may take all pods at once.",
        "클러스터에 PodDisruptionBudget이 없어 유지보수 때 모든 파드가 내려갈 수 있습니다.",
        "Use a cluster that serves policy/v1.",
    ),
    "port_inside": (
        "Port {port} is reached inside the cluster only.",
        "포트 {port}은(는) 클러스터 안에서만 접근할 수 있습니다.",
        "Ask for a load balancer, a node port or an Ingress.",
    ),
    "port_address": (
        "A Service listens on every address of the cluster, not on {address} alone.",
        "서비스는 {address}만이 아니라 클러스터의 모든 주소에서 듣습니다.",
        "Ask for a network policy to limit who may connect.",
    ),
    "networks": (
        "All pods share one network; {networks} no longer keeps others out.",
        "모든 파드가 한 네트워크를 쓰므로 {networks}이(가) 더는 다른 파드를 막지 않습니다.",
        "Ask for a network policy.",
    ),
    "needs": (
        "Kubernetes starts everything at once; it has to wait for {other} by itself.",
        "쿠버네티스는 모두 동시에 시작하므로 {other}을(를) 스스로 기다려야 합니다.",
        "Let it try again until {other} answers; its readiness probe keeps traffic away meanwhile.",
    ),
    "renamed": (
        "{old} is no name that Kubernetes takes: here it is {new}.",
        "{old}은(는) 쿠버네티스가 받는 이름이 아니라 여기서는 {new}입니다.",
        "Use {new} wherever it is named.",
    ),
    "engine_setting": (
        "The container's setting {word} is not carried over.",
        "컨테이너 설정 {word}은(는) 옮기지 않습니다.",
        "Add what it needs to the manifest yourself.",
    ),
    "image_id": (
        "{image} is the id of an image on one engine, which no cluster can pull.",
        "{image}은(는) 한 엔진에 있는 이미지의 ID라서 클러스터가 받을 수 없습니다.",
        "Give the image a name, push it to a registry, and use that name.",
    ),
    "unpinned": (
        "{image} may be another image tomorrow.",
        "{image}은(는) 내일 다른 이미지가 될 수 있습니다.",
        "Name a version or a digest.",
    ),
    "route_plain": (
        "{host} is served without TLS.",
        "{host}은(는) TLS 없이 제공됩니다.",
        "Name a TLS Secret.",
    ),
}
"""What whoever applies the manifests should know: in English, in Korean, and the next step."""
