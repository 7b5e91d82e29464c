"""How people ask in English and Korean, as patterns: what kind of question it is, and what is never done."""

import re
from collections.abc import Iterable
from typing import Final

UNDO: Final = "undo"
DIAGNOSE: Final = "diagnose"
COMPARE: Final = "compare"
EXPLAIN: Final = "explain"
HISTORY: Final = "history"
DECISION: Final = "decision"
STATUS: Final = "status"
LOGS: Final = "logs"
USAGE: Final = "usage"
PLANS: Final = "plans"
GREETING: Final = "greeting"
THANKS: Final = "thanks"
HELP: Final = "help"
HOW: Final = "how"
ADDRESS: Final = "address"

NO_SECRETS: Final = "no_secrets"
NO_SHELL: Final = "no_shell"
NO_BYPASS: Final = "no_bypass"
ONE_BY_ONE: Final = "one_by_one"

LONGEST: Final = 600
"""Characters of a remark that are looked at: questions are short, and patterns take the square of the length."""


def decides(words: str) -> bool:
    """Whether it is the decision on a plan, and nothing else."""
    return _DECIDES.match(words[:LONGEST]) is not None


def declines(words: str) -> bool:
    """Whether it says no, and nothing else."""
    return _DECLINES.match(words[:LONGEST]) is not None


def small_talk(words: str) -> str:
    """A greeting, thanks, or a call for help that is nothing else; empty for everything else."""
    return _first(_TALK, words)


def refusal_of(words: str) -> str:
    """Why this is never done, whoever asks in a conversation; empty where it may be."""
    return _first(_NEVER, words)


def question_of(words: str) -> str:
    """What kind of question it is; empty where it is like none."""
    return _first(_KINDS, words)


def asks_life(words: str) -> bool:
    """Whether it asks if something is up."""
    return _ALIVE.search(words[:LONGEST]) is not None and words.rstrip().endswith(("?", "？"))


_ALIVE: Final = re.compile(
    r"\b(?:up|down|alive|dead|answer(?:s|ing)?|respond(?:s|ing)?|reach(?:able)?|running|listening|healthy|well|there)\b"
    r"|살아|죽|응답|대답|떠 ?있|돌고|돌아가|접속|연결|열려|정상",
    re.IGNORECASE,
)
_HAIL: Final = r"(?:hi|hello|hey|ok|okay|so|안녕|안녕하세요|저기)[ ,!.]+"
_Forms = tuple[tuple[str, re.Pattern[str]], ...]


def _first(forms: _Forms, words: str) -> str:
    return next((kind for kind, form in forms if form.search(words[:LONGEST])), "")


def _forms(said: Iterable[tuple[str, Iterable[str]]], *, whole: bool = False) -> _Forms:
    """Patterns of each kind, any of which is enough; `whole` ones must be all that was said."""
    found = ((kind, "|".join(forms)) for kind, forms in said)
    return tuple(
        (kind, re.compile(rf"^\W*(?:{_HAIL})?(?:{form})\W*$" if whole else form, re.IGNORECASE)) for kind, form in found
    )


_DECIDES: Final = re.compile(
    r"^\W*(?:(?:yes|ok|okay|sure|please|네|예|응|좋아요?)\W+)*"
    r"(?:(?:i|we|the user|the owner|my boss|\w+ has|user)\W+(?:have |has |hereby )?)?"
    r"(?:approved?|approve it|reject(?:ed)?(?: it)?|confirm(?:ed)?|go ahead|do it|apply(?: it)?|yes|lgtm|ok(?:ay)?"
    r"|looks good(?: to me)?|승인\S*|거절\S*|적용\S*|네|예|응|진행\S*|좋아요?)"
    r"(?:\W+(?:it|this|that|the|plan|plan_\w+|already|now|please|and|go|ahead|apply|할게요?|합니다|해\s?줘|해요?))*\W*$",
    re.IGNORECASE,
)
_DECLINES: Final = re.compile(
    r"^\W*(?:no|nope|nah|cancel|cancel (?:it|that|this|the plan)|never ?mind|forget (?:it|about it)|don['’]t|stop"
    r"|아니|아니요|아뇨|취소|취소해\S*|됐어\S*|그만\S*|하지\s?마\S*)"
    r"(?:\W+(?:thanks?|thank you|please))?\W*$",
    re.IGNORECASE,
)
_TALK: Final = _forms((
    (GREETING, (
        (r"(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening|day)|greetings|howdy|yo)"
        r"(?:\W+(?:opstwin|there|everyone|all|again))*(?:\W+how are you(?: doing)?(?: today)?)?"),
        r"how are you(?: doing)?(?: today)?", r"what['’]?s up",
        r"(?:안녕|안녕하세요|안녕하십니까|하이|헬로)(?:\W+\S{1,12})?",
        r"반가워요?|반갑습니다|좋은 (?:아침|하루)\S*|잘 지내\S*",
    )),
    (THANKS, (
        (r"(?:ok(?:ay)?|great|perfect|cool|nice|awesome|good)?\W*(?:many )?(?:thanks?|thank you|thx|ty|cheers)"
        r"(?:\W+(?:a lot|so much|very much|you|opstwin|for (?:that|your help|the help)))*"),
        r"(?:great|perfect|cool|nice|awesome|well done|good job|nice work)", r"(?:bye|goodbye|see you)(?: later)?",
        r"(?:정말 |너무 |대단히 )?(?:고마워요?|고맙습니다|감사(?:해요?|합니다)?|땡큐|수고\S*|잘했어\S*)",
        r"좋네요?|잘 ?가\S*",
    )),
    (HELP, (
        r"(?:please )?help(?: me)?(?: please)?", r"/?\?+", r"/help", r"i need help", r"can you help(?: me)?",
        r"(?:so )?what (?:can|do|could) (?:you|i|we|opstwin) (?:do|say|ask|type)(?: (?:here|now|next|for me|for us))?",
        r"what are you(?: able to do| for)?", r"who are you", r"what is (?:this|opstwin)", r"get(?:ting)? started",
        r"how (?:does|do) (?:this|it|opstwin|you) work", r"what should i (?:do|say)(?: (?:now|next|first))?",
        r"how (?:can|do) i (?:use|start|begin)(?: (?:this|it|opstwin|with this))?", r"what(?:['’]s| is) next",
        r"(?:show me )?(?:some )?examples?", r"(?:list )?commands?", r"what commands(?: .{1,30})?",
        r"도움말?", r"도와\s?(?:줘|줘요|주세요)", r"할 수 있는 (?:게|것|일)\S*(?: \S+)?",
        r"(?:너는? )?(?:뭐|뭘|무엇을|무얼|어떤 (?:걸|것을|일을))\s?(?:할|도와줄)\s?수\s?있\S*",
        r"어떻게 (?:써|쓰|사용|시작)\S*(?: \S+)?", r"(?:사용법|명령어|예시|예제)\S*(?: \S+)?",
        r"(?:너는?|넌)? ?(?:누구|뭐)(?:야|니|세요|예요|에요)", r"뭐\s?해야\s?\S*", r"(?:이제|다음엔?) 뭐\S*(?: \S+)?",
    )),
), whole=True)  # fmt: skip

_NEVER: Final = _forms((
    (NO_BYPASS, (
        (r"\b(?:ignore|disregard|forget|override|bypass|skip|disable|turn off)\b.*"
        r"\b(?:instructions?|rules?|polic\w+|approvals?|safety|gate|audit|restrictions?)\b"),
        r"\bapprove (?:all|every|everything|any)\b", r"\bwithout (?:any )?(?:approval|asking|a plan)\b",
        r"(?:지시|규칙|정책|승인|안전|감사).*(?:무시|건너뛰|우회|끄|꺼|생략)",
        r"승인 ?없이|(?:전부|모두|다) 승인",
    )),
    (NO_SECRETS, (
        (r"\b(?:show|give|tell|print|read|get|list|what(?:['’]s| is| are)|send|dump|export|leak)\b.*"
        r"\b(?:passwords?|secrets?|credentials?|tokens?|api[- ]?keys?|private keys?)\b"),
        r"(?:비밀번호|패스워드|암호|시크릿|비밀 ?값|토큰|(?:인증|api|개인) ?키).*(?:보여|알려|뭐|무엇|출력|줘|말해)",
    )),
    (NO_SHELL, (
        r"\brm -|\bsudo\b|\bcurl\b|\bwget\b|\bbash\b|\bchmod\b|\bkubectl\b|&&|\|\s*sh\b|\$\(",
        r"\bdocker (?:run|rm|exec|kill|stop|system)\b", r"\bdrop (?:the )?(?:database|table|db)\b",
        r"\b(?:run|execute|exec) (?:the |a |this )?(?:command|script|shell)\b",
        r"명령어?를? ?실행|스크립트.*실행|셸|쉘",
    )),
    (ONE_BY_ONE, (
        (r"^(?!\W*(?:why|what|when|who|how|do|does|did|is|are|has|have|which|where)\b).*"
        r"\b(?:delete|remove|destroy|stop|restart|kill|wipe|scale|upgrade|update|roll back|purge|clean up|shut down)"
        r"\b.*"
        r"\b(?:everything|all|every|each|any|anything|them|whole)\b"),
        (r"^(?!.*(?:왜|언제|누가|[했됐]\S*\?|하려면|어떻게)).*"
        r"(?:전부|모두|모든|(?<!\S)다(?!\S)|싹|전체).*(?:삭제|지워|없애|제거|중지|멈춰|꺼|재시작|내려|정리|롤백|업데이트|업그레이드)"),
    )),
))  # fmt: skip

_KINDS: Final = _forms((
    (UNDO, (
        r"^\W*(?:please )?(?:(?:can|could) you )?(?:undo|revert|take (?:it|that) back|put (?:it|that) back|go back)\b",
        r"되돌려|되돌리고|되돌릴|원래대로|취소해",
    )),
    (HOW, (
        r"^\W*how (?:do|can|should|would) (?:i|we|you|one)\b|^\W*how to\b",
        r"(?:하|바꾸|늘리|줄이|지우|멈추|되돌리|올리|옮기)려면|할려면",
        r"어떻게 (?:배포|삭제|중지|재시작|롤백|확장|변경|설정|업그레이드|늘리|줄이|바꾸|지우|하[나는면])",
    )),
    (PLANS, (
        r"\b(?:waiting|pending|open) (?:plans?|approvals?|decisions?)\b",
        r"\bplans? (?:that )?(?:are |is )?(?:wait|pending)",
        r"\b(?:waits?|waiting) for (?:me|approval|a decision|us)\b|\b(?:to|i|we) approve\b|\bneeds? (?:my )?approv",
        r"\b(?:list|show|what|which)\b.* (?:plans|approvals)\b|^\W*(?:plans|approvals)\W*$",
        r"(?:대기|기다리는).*(?:계획|승인)|(?:계획|승인).*(?:대기|기다리|목록|보여|있어|있나|있습)|승인할",
    )),
    (LOGS, (r"\blogs?\b|\bwhat (?:does|did) \S+ (?:say|write|print|log)\b|\boutput of\b|로그",)),
    (HISTORY, (
        r"\blast time\b|\bhistory\b|\bpreviously\b|\bwhat happened\b|\bhappened (?:to|with)\b",
        r"\b(?:what|who|when|anything|something)\b.*\b(?:changed|deployed|upgraded|restarted|scaled|deleted)\b",
        r"\b(?:last|latest|recent|past|previous) (?:deploy\w*|changes?|releases?|executions?|rollouts?)\b",
        r"\bchanges? (?:today|yesterday|lately|recently|this week)\b|\bdeployments? (?:today|yesterday|so far)\b",
        r"\bwhat did you (?:do|change|deploy)\b|\bwhen (?:was|did|were)\b|\bwho (?:did|made|changed)\b",
        r"지난번|이력|예전|지난 배포|히스토리|기록|변경 ?(?:내역|사항)|최근 (?:배포|변경)|누가|언제|(?:무슨|어떤) 일이",
        r"(?:뭐|뭘|무엇|무엇이|뭐가).*(?:바뀌었|바꿨|바뀐|변경됐|변경되었|변경했|배포했|배포됐|달라졌)|배포된 적",
    )),
    (DIAGNOSE, (
        r"\bdiagnos|\bwhat(?:['’]s| is) (?:wrong|broken|failing|down|the (?:problem|matter|issue))|\bproblems?\b",
        r"\b(?:broken|crash\w*|failing|errors?|issues?|troubleshoot|out of memory|oom)\b",
        r"^\W*check (?:on )?|\bis (?:everything|all|anything) (?:ok|okay|fine|good|alright|wrong|healthy|up|down)",
        (r"\bwhy (?:is|does|did|has|have|are|was)\b.*"
        r"\b(?:down|fail\w*|restart\w*|slow|unhealthy|not|stopp?\w*|dead|dying|killed)"),
        r"\bwhy (?:won['’]?t|can['’]?t|isn['’]?t|doesn['’]?t)\b|\bnot (?:working|running|responding|starting)\b",
        r"\b(?:is|are|seems?|looks?) (?:down|slow|stuck|dead)\W*$",
        r"진단|문제|장애|이상(?:한|해|이)?\s?(?:있|없|것|거)|고장|에러|오류|점검|(?:다|모두|전부) (?:괜찮|정상|잘)",
        r"왜.*(?:죽|느|재시작|실패|안\s|꺼|멈|다운|내려|이래|이상|비정상)|안 ?(?:돼|되|떠|뜨|돌|열)|느려|죽었|비정상",
    )),
    (USAGE, (
        r"\bhow much (?:memory|ram|cpu|resources?|cores?|disk)\b|\b(?:memory|ram|cpu|resource) (?:use|usage|load)\b",
        r"\b(?:uses?|using|consum\w+) (?:the most|most|more|too much|how much)\b|\bright[- ]?siz|\bhow big should\b",
        r"(?:메모리|램|cpu|시피유|씨피유|리소스|자원).*(?:얼마|사용|써|쓰|먹)|사용량|적정",
    )),
    (COMPARE, (
        r"\bcompare|\bdiffer|\bdrift|\bdiff\b|\bvs\.?\b|\bversus\b|\bin sync\b|\bas it should\b",
        r"비교|차이|드리프트|다른 ?(?:점|게|것)|달라|어긋",
    )),
    (EXPLAIN, (
        r"\bexplain|\bwhy\b|\bhow come\b|\bwhat (?:did|does|would|will|else)\b|\bwhat (?:changes|happens)\b",
        r"\bis (?:it|this|that) (?:safe|risky)|\bhow risky\b|\brisks?\b|\bdetails?\b",
        r"설명|왜|(?:뭐|뭘|뭐가|무엇이|무엇을)\s?(?:바뀌|바꾸|달라지|변경되)|위험|안전|자세히",
    )),
    (STATUS, (
        r"\bwhat(?:['’]s| is| are|s)? (?:\w+ ){0,3}?(?:running|there|deployed|up|stopped|on|in)\b|\brunning\b",
        r"\b(?:status|state|health\w*|unhealthy|list|overview|inventory|show|display|get|how many|tell me about)\b",
        r"\b(?:describe|what about|how is|how['’]?s|how are|where|do (?:we|i) have|is there|are there)\b",
        r"\b(?:is|are) .*\b(?:up|ok|okay|fine|alive|ready|there|stopped|online|available|deployed|good|installed)\b",
        r"\b(?:which|what) (?:\w+ ){0,2}?(?:images?|containers?|workloads?|services?|apps?|versions?|ports?)\b",
        r"\b(?:which|what) (?:\w+ ){0,2}?(?:volumes?|networks?|targets?|pods?|tags?|replicas?)\b",
        r"^\W*(?:containers?|workloads?|images?|volumes?|networks?|pods?|deployments?|services?|resources?)\W*$",
        r"상태|목록|리스트|실행 ?중|실행되|돌아가|돌고|떠 ?있|살아",
        r"보여|알려|현황|몇 ?(?:개|대)|어때|어떤가|괜찮|정상|건강",
        r"어떻게 (?:돼|되|지내)|(?:뭐|뭐가|무엇이|어떤|무슨|어디).*(?:있|써|쓰|실행|돌|떠)|잘 ?(?:돌|되|있|작동|동작)",
        r"(?:버전|이미지|포트|컨테이너|워크로드|볼륨|서비스).*(?:뭐|무엇|어떤|몇|있|어디)",
    )),
))  # fmt: skip
