"""The `python -m devcluster` command: words in, `Cluster` called, words out."""

import argparse
import shlex
import sys
import time
from pathlib import Path

from devcluster import (
    binaries,
    cluster,
    controlplane,
    errors,
    forge,
    images,
    operator,
    processes,
    registry,
    repositories,
)
from devcluster.openstack import command as openstack

UP = """examples:
  python -m devcluster up                          one fake node, in ./.devcluster
  python -m devcluster up --nodes 20 --audit full  and a log of every request
  python -m devcluster up --dir ~/clusters/second  beside others
  sudo python -m devcluster up --real-node         containers that really run

Running it again repairs: what has ended is started, what runs is left alone."""
DOWN = """examples:
  python -m devcluster down
  python -m devcluster down --dir ~/clusters/second

Logs and the audit log stay in the folder; everything else goes, also after a crash."""
STATUS = """examples:
  python -m devcluster status

The exit status is 0 if all components run, else 1."""
OPERATOR = """examples:
  python -m devcluster operator                          one replica of this checkout
  python -m devcluster operator --replicas 3             three; one leads
  python -m devcluster operator --set steps.readSecrets=true
                                                         with values for the chart
  python -m devcluster operator -- --log-level debug     with more arguments for the operator

The chart charts/argosy is installed or upgraded; operators that run already are replaced.
They act under the chart's ServiceAccount. `--replicas 0` only installs."""
IMAGE = """examples:
  python -m devcluster image build                        this checkout, as `argosy`
  python -m devcluster image build ./shop --tag shop:2    another folder with a Dockerfile
  python -m devcluster image load shop.tar                what `docker save` wrote

Needs a cluster started with --real-node; its pods can use the image at once."""
FORGE = """examples:
  python -m devcluster forge                              git, registries, BuildKit's image
  python -m devcluster forge shop                         and an empty repository to push to
  python -m devcluster forge secret --password hunter22   one that asks for a password

Needs a cluster started with --real-node; this machine and all pods reach what is printed."""
ENV = """examples:
  eval "$(python -m devcluster env)"
  kubectl get nodes"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except errors.DevclusterError as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("devcluster: interrupted; `python -m devcluster down` removes what is there")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devcluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = _command(commands, "up", "start a cluster, or repair it", UP)
    up.set_defaults(run=_up)
    up.add_argument(
        "--nodes", type=_count, metavar="N", help="fake nodes (default 1; 0 with a real node)"
    )
    up.add_argument("--real-node", action="store_true", help="and one real node (root, Linux)")
    up.add_argument(
        "--local-exec",
        action="store_true",
        help="`exec` in a fake pod runs the command on this machine, for whoever reaches the port",
    )
    up.add_argument(
        "--audit",
        nargs="?",
        choices=("metadata", "full"),
        const="metadata",
        default="off",
        help="write D/audit.log: every request; with `full` also what is written, in full",
    )
    _command(commands, "down", "end a cluster and remove it", DOWN).set_defaults(run=_down)
    _command(commands, "status", "show what runs", STATUS).set_defaults(run=_status)
    _command(commands, "env", "print what a shell needs", ENV).set_defaults(run=_env)
    operate = _command(commands, "operator", "install the chart, run the operator", OPERATOR)
    operate.set_defaults(run=_operator)
    operate.add_argument("--replicas", type=_count, default=1, metavar="N", help="how many (1)")
    operate.add_argument("--set", action="append", default=[], metavar="VALUE", help="as Helm's")
    operate.add_argument("--values", type=Path, action="append", default=[], help="as Helm's")
    operate.add_argument("arguments", nargs="*", metavar="-- ARGUMENTS", help="for the operator")
    image = _command(commands, "image", "build or load an image for the real node", IMAGE)
    image.set_defaults(run=_image)
    image.add_argument("act", choices=("build", "load"))
    image.add_argument(
        "path", type=Path, nargs="?", default=operator.CHECKOUT, help="a folder, or an archive"
    )
    image.add_argument("--tag", default="argosy", help="the built image's name (argosy)")
    smith = _command(commands, "forge", "start what building from source takes", FORGE)
    smith.set_defaults(run=_forge)
    smith.add_argument("name", nargs="?", help="a repository to make")
    smith.add_argument("--password", default="", help="what it asks for (the user is `git`)")
    openstack.add(
        commands.add_parser(
            "openstack",
            help="start, end or show an OpenStack",
            description="Start, end or show a real OpenStack, of Debian's packages.",
            epilog=openstack.ABOUT,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        ),
        _say,
    )
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    examples: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary.capitalize() + ".",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dir",
        type=Path,
        default=cluster.DEFAULT_FOLDER,
        metavar="D",
        help=f"the cluster's folder (default {cluster.DEFAULT_FOLDER})",
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _say(line: str) -> None:
    print(f"devcluster: {line}", file=sys.stderr, flush=True)


def _up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    chosen = cluster.Cluster(options.dir, _say)
    nodes = options.nodes if options.nodes is not None else int(not options.real_node)
    chosen.start(
        controlplane.Settings(
            nodes=nodes,
            audit=options.audit,
            real_node=options.real_node,
            local_exec=options.local_exec,
        )
    )
    _say(f"ready in {time.monotonic() - began:.1f} s; now: {_shell_line(options.dir)}")
    return 0


def _down(options: argparse.Namespace) -> int:
    cluster.Cluster(options.dir, _say).stop()
    _say(f"no cluster runs in {options.dir}")
    return 0


def _status(options: argparse.Namespace) -> int:
    chosen = cluster.Cluster(options.dir, _say)
    known = chosen.processes.all()
    if not known:
        print(f"no cluster in {chosen.dir}")
        return 1
    print(f"Kubernetes  {binaries.KUBERNETES}, {chosen.client.server}")
    print(f"kubeconfig  {chosen.kubeconfig}")
    print(f"logs        {chosen.dir / 'logs'}")
    for process in known.values():
        print(f"{process.name:<26} {_state(process)}")
    whole = all(each.alive for each in known.values()) and chosen.client.ready()
    return 0 if whole else 1


def _state(process: processes.Process) -> str:
    return f"running, pid {process.pid}" if process.alive else f"ENDED, see {process.log}"


def _env(options: argparse.Namespace) -> int:
    chosen = cluster.Cluster(options.dir)
    if not chosen.kubeconfig.exists():
        raise errors.DevclusterError(f"no cluster in {chosen.dir}: python -m devcluster up")
    print(f"export KUBECONFIG={shlex.quote(str(chosen.kubeconfig))}")
    return 0


def _operator(options: argparse.Namespace) -> int:
    chosen = cluster.Cluster(options.dir, _say)
    values = ["admission.enabled=true", *options.set]
    for each in operator.run(
        chosen,
        replicas=options.replicas,
        values=values,
        files=options.values,
        arguments=options.arguments,
    ):
        _say(f"{each.name} runs, pid {each.pid}, metrics port {each.metrics_port}, log {each.log}")
    return 0


def _image(options: argparse.Namespace) -> int:
    chosen = cluster.Cluster(options.dir, _say)
    if options.act == "load":
        images.load(chosen, options.path)
    else:
        built = images.build(chosen, options.path, options.tag)
        _say(f"built {built.image} in {built.seconds:.1f} s, log {built.log}")
    return 0


def _forge(options: argparse.Namespace) -> int:
    chosen = cluster.Cluster(options.dir, _say)
    started = forge.start(chosen)
    print(f"git         {started.git}")
    print(f"registry    {started.registry}")
    print(f"guarded     {started.guarded}, user {registry.USER}, password {registry.PASSWORD}")
    print(f"BuildKit    {forge.DAEMON}")
    print(f"image       {started.image}")
    print(f"values      {forge.values(chosen, started)}")
    if options.name:
        made = repositories.create(chosen, options.name, password=options.password)
        print(f"repository  {made.url}")
        print(f"checkout    {made.checkout}")
    return 0


def _shell_line(folder: Path) -> str:
    where = "" if folder == cluster.DEFAULT_FOLDER else f" --dir {shlex.quote(str(folder))}"
    return f'eval "$(python -m devcluster env{where})"'


if __name__ == "__main__":
    sys.exit(main())
