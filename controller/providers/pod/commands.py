"""Commands that operations run in pods.

`pod.py` gives it the acts that are commands. A plain command lives and dies with its connection. A
detached one runs under a small shell wrapper that keeps its process id and its result in files
named by the task, so whoever asks again, even another operator, finds the same run and its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from controller import contract, errors
from controller.api import names, objects, tags
from controller.api.reasons import Reason
from controller.api.resources import Resource
from controller.contract import tasks
from controller.contract.reasons import ProviderReason
from controller.kube import api as kube
from controller.kube import faults
from controller.providers.pod import observation
from controller.providers.steps import refusals

# Reads what the kernel tells of a process. Its name may hold anything, blanks and lines as well.
# Pids begin anew with a container, and notes in a volume outlive it: a process is known by when it
# started, and its container by when the first process did.
_LOOK = """
look() {
  state= group= start= last=
  { while read -r line; do last=$line; done <"/proc/$1/stat"; } 2>/dev/null
  set -- ${last##*) }
  state=$1 group=$3 start=${20}
}
birth() { look 1; first=$start; look "$1"; }
"""

# Where the shell keeps its notes: the first of these that can be written to.
_FIND_FOLDER = (
    _LOOK
    + """
task=$1; shift
notes=
for root in "${TMPDIR:-/tmp}" /dev/shm; do
  if mkdir -p "$root/.argosy" 2>/dev/null && [ -w "$root/.argosy" ]; then
    notes=$root/.argosy/$task; break
  fi
done
if [ -z "$notes" ]; then echo argosy:nowhere; exit 0; fi
nap() { sleep 0.1 2>/dev/null || sleep 1; }
recall() {
  pid= born=
  { read -r pid <"$notes/pid"; read -r born <"$notes/born"; } 2>/dev/null
}
# Few containers have an init that reaps: what has ended stays, and takes signals as if it lived.
lives() {
  kill -0 "$pid" 2>/dev/null || return 1
  birth "$pid"
  [ "$state" != Z ] && [ "${born:-$first/$start}" = "$first/$start" ]
}
"""
)

# Making the folder is the claim: of two requests for one task only one begins the command.
_BEGIN = f"""
if mkdir "$notes" 2>/dev/null; then
  run='{_LOOK}
    (birth $$; [ -z "$start" ] || echo "$first/$start" >"$0/born"); echo $$ >"$0/pid"
    [ -e "$0/exit" ] && exit
    "$@" >"$0/out" 2>&1; echo $? >"$0/new"; mv "$0/new" "$0/exit"'
  if command -v setsid >/dev/null 2>&1; then
    setsid sh -c "$run" "$notes" "$@" </dev/null >/dev/null 2>&1 &
  else
    sh -c "$run" "$notes" "$@" </dev/null >/dev/null 2>&1 &
  fi
fi
"""

_FOLLOW = """
if [ ! -d "$notes" ]; then echo argosy:nothing; exit 0; fi
while [ ! -e "$notes/exit" ]; do
  if [ -s "$notes/pid" ] && recall && ! lives; then
    [ -e "$notes/exit" ] || { echo argosy:lost; exit 0; }
  fi
  nap
done
tail -c 1024 "$notes/out" >&2 2>/dev/null
echo "argosy:exit:$(cat "$notes/exit")"
"""

# A folder without a process is left behind too: a command that was called off never begins. One
# whose shell has not come to its pid yet looks for an end right after it, as here for a pid.
_CANCEL = (
    _FIND_FOLDER
    + """
grace=$1
call_off() { echo 143 >"$notes/off.$$"; mv "$notes/off.$$" "$notes/exit"; }
if mkdir "$notes" 2>/dev/null; then call_off; exit 0; fi
[ -e "$notes/exit" ] && exit 0
[ -s "$notes/pid" ] || call_off
[ -s "$notes/pid" ] || exit 0
recall
# Without /proc nobody can tell it from a stranger: rather a command too many than that one's end.
if [ -z "$born" ] && { kill -0 "-$pid" || kill -0 "$pid"; } 2>/dev/null; then
  echo argosy:unsure; exit 0
fi
# The group may live on without its leader, whose pid is nobody else's for as long.
ours() {
  birth "$pid"
  [ "$born" = "$first/$start" ] || { [ -z "$start" ] && [ "${born%/*}" = "$first" ]; }
}
signal() { ours && { kill "-$1" "-$pid" 2>/dev/null || kill "-$1" "$pid" 2>/dev/null; }; }
anyone() {
  signal 0 || return 1
  for each in /proc/[0-9]*; do
    look "${each#/proc/}"
    [ "$group" = "$pid" ] && [ "$state" != Z ] && return 0
  done
  lives
}
signal TERM
while [ "$grace" -gt 0 ] && anyone; do sleep 1; grace=$((grace - 1)); done
anyone && signal KILL
[ -e "$notes/exit" ] || call_off
exit 0
"""
)

_CANCEL_MARGIN = 15.0
_RECONNECT_SECONDS = 1.0
_LONGEST_TAIL = 256
_NO_SHELL = (
    '"sh": executable file not found',
    '"sh": no such file or directory',
    "executable file `sh` not found",
)


class _Exec(msgspec.Struct, frozen=True):
    command: tuple[str, ...]
    container: str = ""
    detached: bool = False


class PodExec:
    """Runs the commands of tasks in pods, each at most once."""

    def __init__(self, api: kube.Api) -> None:
        self._api = api

    async def run(self, server: objects.Server, call: contract.Call) -> Mapping[str, str]:
        """Run the command of `call.task` to its end.

        Raises Transient, `ExecFailed`, for an exit status other than 0, and UnknownOutcome where
        the end could not be seen.
        """
        task, given, wanted = _read(call)
        pod = await self._pod(server, call)
        if wanted.detached:
            arguments = (_trace(server, task), *wanted.command)
            script = _FIND_FOLDER + _BEGIN + _FOLLOW
            result = await self._follow(pod, wanted, script, arguments, _patience(given))
            if result is not None:
                return _judge(_wrapped_exit(result), result)
        result = await self._exec(pod, wanted, wanted.command, given.timeout_seconds)
        return _judge(result.exit_code, result)

    async def resume(self, server: objects.Server, call: contract.Call) -> Mapping[str, str]:
        """Follow a detached command that another process began; never begin one.

        Raises UnknownOutcome, `NoTrace`, for a plain command, and where the container that knew of
        it is gone, or cannot be asked: what befalls the asking is no failure of the command.
        """
        task, given, wanted = _read(call)
        if not wanted.detached:
            message = "the command ended, or not, with the operator that ran it"
            raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE)
        arguments = (_trace(server, task),)
        script = _FIND_FOLDER + _FOLLOW
        try:
            pod = await self._pod(server, call)
            result = await self._follow(pod, wanted, script, arguments, _patience(given))
        except errors.ArgosyError as error:
            if _is_away(error) or _is_refused(error):
                raise
            raise errors.UnknownOutcome(str(error), reason=ProviderReason.NO_TRACE) from error
        if result is None:
            raise errors.UnknownOutcome(
                "the container has no shell", reason=ProviderReason.NO_TRACE
            )
        return _judge(_wrapped_exit(result), result)

    async def cancel(self, server: objects.Server, call: contract.Call) -> None:
        """End a detached command and its children: asked first, then killed after its grace.

        Raises UnknownOutcome, and ends nothing, where the command cannot be told from a stranger.
        """
        task, given, wanted = _read(call)
        if not wanted.detached:
            return
        pod = await self._pod(server, call)
        command = ("sh", "-c", _CANCEL, "argosy", _trace(server, task), str(given.grace_seconds))
        result = await self._try(pod, wanted, command, given.grace_seconds + _CANCEL_MARGIN)
        if result is not None and b"argosy:unsure" in result.stdout:
            message = "the command cannot be told from a stranger: the container shows no /proc"
            raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE)

    async def _pod(self, server: objects.Server, call: contract.Call) -> objects.Pod:
        """Return the pod as it is now: exec goes by name, and another may have taken it."""
        meta = server.metadata
        try:
            answer = await self._api.get(Resource.PODS, meta.namespace, meta.name)
        except faults.NotFound as error:
            raise errors.Waiting(
                f"pods/{meta.name} is gone", reason=ProviderReason.INSTANCE_CHANGED
            ) from error
        pod = refusals.decode(answer, objects.Pod)
        wanted = call.instance or server.status.provider.id
        same = pod.metadata.uid == wanted if wanted else observation.is_ours(pod, server)
        if not same:
            raise errors.Waiting(
                f"pods/{meta.name} is another by now", reason=ProviderReason.INSTANCE_CHANGED
            )
        return pod

    async def _follow(
        self,
        pod: objects.Pod,
        wanted: _Exec,
        script: str,
        arguments: Sequence[str],
        timeout_seconds: float,
    ) -> kube.ExecResult | None:
        """Run a wrapped command; when the connection breaks, find it again and begin nothing.

        From then on the command may run, whatever becomes of the asking: not even an outage means
        that nothing has begun.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        begun = False
        while True:
            command = ("sh", "-c", script, "argosy", *arguments)
            try:
                return await self._try(pod, wanted, command, deadline - loop.time())
            except errors.ArgosyError as error:
                lost = error.policy.kind is errors.FailureKind.UNKNOWN
                late = loop.time() + _RECONNECT_SECONDS >= deadline
                if (lost and late) or not (lost or begun) or _is_refused(error):
                    raise
                if late or not (lost or _is_away(error)):
                    message = str(error)
                    raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE) from error
            begun, script = True, _FIND_FOLDER + _FOLLOW
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _exec(
        self, pod: objects.Pod, wanted: _Exec, command: Sequence[str], timeout_seconds: float
    ) -> kube.ExecResult:
        meta = pod.metadata
        return await self._api.exec(
            meta.namespace,
            meta.name,
            command=command,
            container=_container(pod, wanted),
            timeout=timeout_seconds,
        )

    async def _try(
        self, pod: objects.Pod, wanted: _Exec, command: Sequence[str], timeout_seconds: float
    ) -> kube.ExecResult | None:
        """Run a shell command; None, and nothing was run, where the container has no shell.

        A shell that has run says so: what else it passes on may be any command's words.
        """
        try:
            result = await self._exec(pod, wanted, command, timeout_seconds)
        except errors.ArgosyError as error:
            if _lacks_shell(str(error)):
                return None
            raise
        lacks = _lacks_shell(result.stderr.decode(errors="replace"))
        return None if lacks and b"argosy:" not in result.stdout else result


def _container(pod: objects.Pod, wanted: _Exec) -> str:
    return wanted.container or (pod.spec.containers[0].name if pod.spec.containers else "")


def _is_refused(error: errors.ArgosyError) -> bool:
    """Return whether the same would be answered again, however often it is asked."""
    return error.policy.kind is errors.FailureKind.REFUSED


def _is_away(error: errors.ArgosyError) -> bool:
    """Return whether the container was not reached, and may be another time."""
    return error.policy.works is False or not error.policy.sent


def _read(call: contract.Call) -> tuple[objects.Task, tasks.TaskParameters, _Exec]:
    task = call.task
    if task is None or task.action != tasks.EXEC:
        what = task.action if task else str(call.verb)
        raise errors.Stalled(
            f"servers made of pods know no {what}", reason=ProviderReason.NOT_SUPPORTED
        )
    given = tasks.read(task)
    return task, given, tasks.decode(given.exec, _Exec)


def _patience(given: tasks.TaskParameters) -> float:
    """Return for how many seconds a detached command is followed: longer than its time.

    The Server planner ends it when its time is up. Were this the first to give up, the command
    would go on in the pod with nobody to end it.
    """
    return given.timeout_seconds + given.grace_seconds + _CANCEL_MARGIN


def _attempt(server: objects.Server, task: objects.Task) -> int:
    status = server.status.task
    return status.attempt if status is not None and status.id == task.id else 1


def _trace(server: objects.Server, task: objects.Task) -> str:
    return names.digest(f"{task.id}#{_attempt(server, task)}")


def _wrapped_exit(result: kube.ExecResult) -> int:
    said = result.stdout.decode(errors="replace").strip().rpartition("\n")[2]
    if said == "argosy:nowhere":
        message = "a detached command needs a writable /tmp or /dev/shm in its container"
        raise errors.Stalled(message, reason=ProviderReason.NOT_SUPPORTED)
    if said == "argosy:nothing":
        message = "the container knows nothing of the command: it never began, or began in another"
        raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE)
    code = tags.number(said.removeprefix("argosy:exit:"))
    if code is None:
        message = "the command is gone without having left its exit status"
        raise errors.UnknownOutcome(message, reason=ProviderReason.NO_TRACE)
    return code


def _judge(code: int, result: kube.ExecResult) -> Mapping[str, str]:
    facts = {"exitCode": str(code)}
    if code == 0:
        return facts
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    tail = f": {lines[-1][-_LONGEST_TAIL:]}" if lines else ""
    message = f"the command ended with {code}{tail}"
    raise errors.Transient(message, reason=Reason.EXEC_FAILED, facts=facts)


def _lacks_shell(text: str) -> bool:
    return any(each in text for each in _NO_SHELL)
