"""The parts of devcluster that need no cluster: ports, certificates, processes, command lines."""

import concurrent.futures
import fcntl
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from cryptography import x509

from devcluster import (
    __main__,
    binaries,
    certificates,
    client,
    cluster,
    controlplane,
    errors,
    kwok,
    network,
    node,
    operator,
    ports,
    processes,
)

SLEEPER = [sys.executable, "-c", "import time; print('started', flush=True); time.sleep(600)"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[processes.Ledger]:
    """A ledger whose processes are all gone after the test."""
    book = processes.Ledger(tmp_path)
    yield book
    book.sweep()


@pytest.fixture
def plan(tmp_path: Path) -> controlplane.Plan:
    """A plan with ports that nobody listens on."""
    return controlplane.Plan(
        folder=tmp_path,
        program=Path("/programs/controlplane"),
        ports={name: 20_000 + number for number, name in enumerate(controlplane.PORTS)},
        settings=controlplane.Settings(),
    )


def test_free_ports_are_different_and_can_be_bound() -> None:
    """Each port that is handed out can be listened on, all at once."""
    chosen = ports.free(20)
    sockets = [socket.create_server(("127.0.0.1", port)) for port in chosen]
    assert len(set(chosen)) == 20
    for each in sockets:
        each.close()


def test_a_port_that_was_given_is_not_given_again_soon() -> None:
    """Whoever starts at the same time, or again later, finds the ports that it chose free."""
    with concurrent.futures.ThreadPoolExecutor(4) as several:
        given = [port for found in several.map(ports.free, [5] * 20) for port in found]
    assert len(set(given)) == len(given)


def test_a_taken_port_is_refused_by_name() -> None:
    """Whoever reads the refusal learns the port and what it was for."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(errors.PortTakenError, match=rf"{port}.*etcd"):
            ports.refuse_taken({"etcd": port})


def test_the_authority_signs_what_its_own_certificate_verifies(tmp_path: Path) -> None:
    """A TLS client that trusts the authority accepts the pair for its hosts, and the pair loads."""
    authority = certificates.authority(tmp_path, "ca")
    pair = authority.issue(
        "x", common_name="someone", organizations=["system:masters"], hosts=["127.0.0.1", "x.test"]
    )
    found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    found.verify_directly_issued_by(
        x509.load_pem_x509_certificate(authority.pair.certificate.read_bytes())
    )
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["x.test"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert found.subject.rfc4514_string() == "CN=someone,O=system:masters"
    ssl.create_default_context().load_cert_chain(pair.certificate, pair.key)


def test_a_certificate_names_the_key_of_its_authority(tmp_path: Path) -> None:
    """Without that, Python from 3.13 on refuses to talk to its holder."""
    authority = certificates.authority(tmp_path, "ca")
    theirs = x509.load_pem_x509_certificate(authority.pair.certificate.read_bytes())
    issued = authority.issue("x", common_name="x").certificate.read_bytes()
    named = x509.load_pem_x509_certificate(issued).extensions.get_extension_for_class(
        x509.AuthorityKeyIdentifier
    )
    key = theirs.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    assert named.value.key_identifier == key.value.digest


def test_certificates_are_made_once_and_keys_are_private(tmp_path: Path) -> None:
    """A repaired cluster keeps its identity, and nobody else can read a key."""
    authority = certificates.authority(tmp_path, "ca")
    first = authority.issue("x", common_name="x").certificate.read_bytes()
    again = certificates.authority(tmp_path, "ca").issue("x", common_name="x")
    assert again.certificate.read_bytes() == first
    assert again.key.stat().st_mode & 0o077 == 0


def test_a_started_process_is_found_by_another_reader_of_the_folder(
    ledger: processes.Ledger,
) -> None:
    """`down` in another shell knows what `up` started, and its output is in the log."""
    started = ledger.start("sleeper", SLEEPER)
    other = processes.Ledger(ledger.folder)
    assert other.all()["sleeper"].pid == started.pid
    assert other.alive("sleeper")
    assert processes.wait_until(lambda: "started" in other.log_tail("sleeper"), 180)


def test_a_started_process_keeps_no_file_of_its_caller(
    ledger: processes.Ledger, tmp_path: Path
) -> None:
    """A lock that the caller was given is free again when the caller lets go of it."""
    lock = (tmp_path / "lock").open("w")
    os.set_inheritable(lock.fileno(), True)  # as a shell hands it down
    fcntl.flock(lock, fcntl.LOCK_EX)
    ledger.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
    lock.close()
    with (tmp_path / "lock").open("w") as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_ending_a_process_leaves_none_even_if_it_ignores_sigterm(
    ledger: processes.Ledger,
) -> None:
    """What does not end when asked is killed."""
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('deaf', flush=True); time.sleep(600)"
    )
    started = ledger.start("stubborn", [sys.executable, "-c", stubborn])
    assert processes.wait_until(lambda: "deaf" in ledger.log_tail("stubborn"), 180)
    ledger.end(["stubborn"], grace=0.1)
    assert not started.alive


def test_a_frozen_process_ends_too(ledger: processes.Ledger) -> None:
    """SIGSTOP does not protect from `down`."""
    started = ledger.start("sleeper", SLEEPER)
    ledger.signal("sleeper", signal.SIGSTOP)
    ledger.end(["sleeper"])
    assert not started.alive


def test_a_stopped_process_stands_still_in_all_its_threads(ledger: processes.Ledger) -> None:
    """Once the signal is sent nothing of it runs, however many threads it has."""
    threads = (
        "import threading; [threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()"
    )
    started = ledger.start("busy", [sys.executable, "-c", f"{threads} for _ in range(4)]"])
    tasks = Path(f"/proc/{started.pid}/task")
    assert processes.wait_until(lambda: len(list(tasks.iterdir())) > 4, 180)
    ledger.signal("busy", signal.SIGSTOP)
    states = {(each / "stat").read_text().rpartition(")")[2].split()[0] for each in tasks.iterdir()}
    ledger.end(["busy"])
    assert states == {"T"}


def test_a_reused_pid_is_never_signalled(ledger: processes.Ledger) -> None:
    """A record whose start time differs is another process: it lives on."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        record = {
            "name": "old",
            "pid": bystander.pid,
            "started": "another boot/1",
            "argv": ["x"],
            "log": "",
        }
        (ledger.folder / "processes.json").write_text(json.dumps({"old": record}))
        assert not ledger.alive("old")
        ledger.end(["old"])
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_sweep_finds_what_was_never_recorded(ledger: processes.Ledger) -> None:
    """`up` killed between start and record leaves nothing that `down` misses."""
    started = ledger.start("sleeper", SLEEPER)
    (ledger.folder / "processes.json").unlink()
    assert ledger.sweep() == [started.pid]
    assert not started.alive


def test_sweep_spares_other_clusters(ledger: processes.Ledger, tmp_path: Path) -> None:
    """A cluster in another folder is not touched."""
    other = processes.Ledger(tmp_path / "other")
    started = other.start("sleeper", SLEEPER)
    assert ledger.sweep() == []
    assert started.alive
    other.sweep()


def test_signalling_an_unknown_process_names_the_known_ones(ledger: processes.Ledger) -> None:
    """A typing error in a component's name is told, not ignored."""
    ledger.start("sleeper", SLEEPER)
    with pytest.raises(errors.DevclusterError, match=r"slepper.*sleeper"):
        ledger.signal("slepper", signal.SIGSTOP)


def test_the_control_plane_listens_on_loopback_alone(plan: controlplane.Plan) -> None:
    """Without a real node nothing of a cluster can be reached from outside."""
    assert "--bind-address=127.0.0.1" in controlplane.command(plan, controlplane.APISERVER)
    for name in (controlplane.CONTROLLERS, controlplane.SCHEDULER):
        assert "--bind-address=127.0.0.1" in controlplane.command(plan, name)
    listened = [
        word for word in controlplane.command(plan, controlplane.ETCD) if "--listen-" in word
    ]
    assert listened
    assert all("https://127.0.0.1:" in word for word in listened)


def test_flags_of_an_experiment_reach_their_program_alone(plan: controlplane.Plan) -> None:
    """A benchmark's `--kube-api-qps` comes last, where it wins, and nowhere else."""
    settings = controlplane.Settings(flags={controlplane.CONTROLLERS: ["--kube-api-qps=20"]})
    changed = controlplane.Plan(
        folder=plan.folder, program=plan.program, ports=plan.ports, settings=settings
    )
    assert controlplane.command(changed, controlplane.CONTROLLERS)[-1] == "--kube-api-qps=20"
    assert "--kube-api-qps=20" not in controlplane.command(changed, controlplane.SCHEDULER)


def test_audit_records_bodies_of_writes_only_when_full() -> None:
    """`metadata` is for counting, `full` also for reading what was written."""
    metadata, full = controlplane.audit_policy("metadata"), controlplane.audit_policy("full")
    assert [rule["level"] for rule in metadata["rules"]] == ["Metadata"]
    assert [rule["level"] for rule in full["rules"]] == ["RequestResponse"] * 2 + ["Metadata"]
    assert "list" not in full["rules"][0]["verbs"]
    # Who leads is read wherever the operator lives: as devcluster runs it, and as pages install it.
    assert full["rules"][1]["namespaces"] == ["argosy", "argosy-system"]
    assert full["omitStages"] == ["RequestReceived"]


def test_stages_are_complete() -> None:
    """No part is left to be put in, and every stage says what it acts on."""
    stages = list(kwok.stages(Path("no kwok here"), Path("cluster")))
    assert {"pod-start", "pod-stop-outdated", "pod-delete"} <= {
        each["metadata"]["name"] for each in stages
    }
    for each in stages:
        text = yaml.safe_dump(each)
        assert ".jq@" not in text
        assert ".gotmpl@" not in text
        assert each["spec"]["resourceRef"] == {"apiGroup": "v1", "kind": "Pod"}


def test_stages_do_not_take_one_object_for_another(tmp_path: Path) -> None:
    """What kwok does to metadata names the UID: a claim made anew does not get the old volume."""
    steps = [{"patch": {"root": "metadata", "template": "annotations: {a: b}\n"}}]
    stage = {"metadata": {"name": "provision"}, "spec": {"steps": steps}}
    (tmp_path / "provision.yaml").write_text(yaml.safe_dump(stage))
    found = next(kwok.stages(tmp_path, tmp_path))
    template = found["spec"]["steps"][0]["patch"]["template"]
    assert template == "uid: {{ .metadata.uid | Quote }}\nannotations: {a: b}\n"


def test_fingerprint_changes_with_sources_and_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed version or flag is a new build; the same files are the same build anywhere."""
    module = binaries.Module(name="m", programs={"p": "."})
    for root in ("one", "two"):
        (tmp_path / root / "m").mkdir(parents=True)
        (tmp_path / root / "m" / "go.mod").write_text("module m\n")
        (tmp_path / root / "m" / "go.sum").write_text("")
    monkeypatch.setattr(binaries, "SOURCES", tmp_path / "one")
    first = binaries.fingerprint(module)
    flagged = binaries.Module(name="m", programs={"p": "."}, ldflags="-X a.b=c")
    assert binaries.fingerprint(flagged) != first
    monkeypatch.setattr(binaries, "SOURCES", tmp_path / "two")
    assert binaries.fingerprint(module) == first
    (tmp_path / "two" / "m" / "go.mod").write_text("module m\n\ngo 1.26\n")
    assert binaries.fingerprint(module) != first


def test_a_missing_go_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Go the message says how to get it, and no half-built folder stays."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.MissingToolError, match="install Go"):
        binaries.ensure(binaries.KWOK, cluster.quiet)
    assert not [path for path in (tmp_path / "argosy").iterdir() if path.is_dir()]


def test_what_a_real_node_lacks_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is missing, or root's rights: the message says what to type."""
    with pytest.raises(errors.MissingToolError, match="sudo apt-get install the-package"):
        network.require("a-program-that-nobody-has", "the-package")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(errors.MissingToolError, match="sudo python -m devcluster up"):
        network.require_root()


def test_a_failed_build_shows_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler's words reach the user; the next call builds again."""
    folder = tmp_path / "sources" / "broken"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module broken\n\ngo 1.26\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    monkeypatch.setattr(binaries, "SOURCES", tmp_path / "sources")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(errors.DevclusterError, match="undefined: nonsense"):
        binaries.ensure(binaries.Module(name="broken", programs={"p": "."}), cluster.quiet)
    assert not [path for path in (tmp_path / "cache" / "argosy").iterdir() if path.is_dir()]


def test_a_written_kubeconfig_is_private_and_needs_no_other_file(tmp_path: Path) -> None:
    """It can be copied elsewhere and still carries the authority and the credentials."""
    authority = certificates.authority(tmp_path, "ca")
    path = client.kubeconfig(
        tmp_path / "k" / "config",
        server="https://127.0.0.1:1",
        authority=authority.pair.certificate,
        user={"token": "t"},
    )
    assert path.stat().st_mode & 0o077 == 0
    assert str(tmp_path) not in path.read_text()
    assert not client.Client(path).ready()


# What an API server answers while a kind comes: its objects cannot be stored yet, or not applied.
DELAY = (
    "Kind=Application not found. There can be a delay between when CustomResourceDefinitions are"
    " created and when they are available."
)
BEGINNINGS = {"/stored": (429, "storage is (re)initializing"), "/applied": (503, DELAY)}
BUSY = {"/busy": 429, "/away": 503}


class _Answering(http.server.BaseHTTPRequestHandler):
    """Answers everything with `{}`; after /last it hangs up without a word.

    What is busy has no time for anybody, and what begins has it from the third time on.
    """

    protocol_version = "HTTP/1.1"
    connections: ClassVar[list[int]] = []

    def setup(self) -> None:
        """Count the connection."""
        self.connections.append(self.client_address[1])
        super().setup()

    def answer(self) -> None:
        """Answer any request."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        begins = self.path in BEGINNINGS and len(self.connections) <= 2
        status, words = BEGINNINGS[self.path] if begins else (200, "")
        told = json.dumps({"message": words}).encode() if begins else b"{}"
        self.send_response(BUSY.get(self.path, status))
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)
        self.close_connection = self.path == "/last"

    do_GET = do_POST = answer  # noqa: N815  names that http.server asks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[client.Client]:
    """A client of a server that counts its connections."""
    authority = certificates.authority(tmp_path, "ca")
    pair = authority.issue("server", common_name="server", hosts=["127.0.0.1"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    _Answering.connections.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        server.daemon_threads = True
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        where = client.kubeconfig(
            tmp_path / "config",
            server=f"https://127.0.0.1:{server.server_address[1]}",
            authority=authority.pair.certificate,
            user={"token": "t"},
        )
        yield client.Client(where)
        server.shutdown()
        thread.join()


def test_reads_share_a_connection_and_outlive_it(answering: client.Client) -> None:
    """Reads are one handshake together, each write is one; a connection that ended is replaced."""
    for _ in range(3):
        assert answering.get("/first") == {}
    assert len(set(_Answering.connections)) == 1
    for _ in range(2):
        assert answering.create("/first", {}) == {}
    assert len(set(_Answering.connections)) == 3
    assert answering.get("/last") == {}
    assert answering.get("/first") == {}
    assert len(set(_Answering.connections)) == 4


@pytest.mark.parametrize("path", BEGINNINGS)
def test_a_server_that_begins_anew_is_asked_again(answering: client.Client, path: str) -> None:
    """After a change of kinds it does nothing for a moment; any other 429 or 503 is an answer."""
    assert answering.create(path, {}) == {}
    assert len(_Answering.connections) == 3
    for busy, status in BUSY.items():
        with pytest.raises(client.ApiError, match=str(status)):
            answering.create(busy, {})
    assert len(_Answering.connections) == 5


def test_commands_on_no_cluster_say_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`env` fails with the command that helps; `down` is content; `status` says there is none."""
    folder = str(tmp_path / "none")
    assert __main__.main(["env", "--dir", folder]) == 1
    assert "python -m devcluster up" in capsys.readouterr().err
    assert __main__.main(["down", "--dir", folder]) == 0
    assert __main__.main(["status", "--dir", folder]) == 1
    assert not os.path.exists(folder)  # noqa: PTH110  nothing was made on the way


@pytest.mark.parametrize("command", ["up", "down", "status", "env", "operator", "image"])
def test_every_command_has_help_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--help` shows at least one line that can be typed."""
    with pytest.raises(SystemExit):
        __main__.main([command, "--help"])
    assert f"python -m devcluster {command}" in capsys.readouterr().out.partition("examples:")[2]


def test_the_operator_runs_what_the_chart_would_run(tmp_path: Path) -> None:
    """The Deployment's arguments and environment are kept, ports and identity are local."""
    container = {
        "args": ["run", "--name=$(WHO)", "$(NOBODY)"],
        "env": [
            {"name": "A", "value": "b"},
            {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    deployment = {"spec": {"template": {"spec": {"containers": [container]}}}}
    launch = operator._launch(
        cluster.Cluster(tmp_path), "operator-1", deployment, tmp_path / "config", ["--last"]
    )
    words = list(launch.argv)
    assert words[1:6] == ["-m", "controller", "run", "--name=operator-1", "$(NOBODY)"]
    assert words[words.index("--health-port") + 1] == str(launch.health_port)
    assert words[-1] == "--last"
    assert launch.environment["A"] == "b"
    assert launch.environment["WHO"] == "operator-1"
    assert launch.environment["KUBECONFIG"] == str(tmp_path / "config")


def test_an_operator_can_be_killed_frozen_and_started_again(
    ledger: processes.Ledger,
) -> None:
    """A handle follows its process through kill, restart, pause and an orderly end."""
    port, other = ports.free(2)
    server = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    launch = operator.Launch(
        name="operator-0", argv=server, environment={}, health_port=port, metrics_port=other
    )
    handle = operator.Operator(cluster.Cluster(ledger.folder), launch)
    handle.start()
    first = handle.pid
    assert handle.alive
    handle.kill()
    assert not handle.alive
    handle.restart()
    assert handle.alive
    assert handle.pid != first
    handle.pause()
    handle.terminate()
    assert not handle.alive


def test_an_operator_that_does_not_start_shows_its_last_words(ledger: processes.Ledger) -> None:
    """A crash at start is told with the log, not after a timeout."""
    argv = [sys.executable, "-c", "raise SystemExit('no chart, no course')"]
    launch = operator.Launch(
        name="operator-0", argv=argv, environment={}, health_port=1, metrics_port=2
    )
    with pytest.raises(errors.DevclusterError, match="no chart, no course"):
        operator.Operator(cluster.Cluster(ledger.folder), launch).start()


def test_a_missing_chart_is_named(tmp_path: Path) -> None:
    """`operator` says which folder has no chart."""
    with pytest.raises(errors.DevclusterError, match="no Helm chart"):
        operator.install(cluster.Cluster(tmp_path), chart=tmp_path / "charts")


def test_a_folder_too_deep_for_a_nodes_sockets_is_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    """The longest path of a socket has 107 bytes; one byte more is told, with how much to cut."""
    folder = tmp_path / ("é" * 40)
    spare = 108 - len(bytes(folder / node.LONGEST_SOCKET))
    folder = folder.with_name(folder.name + "x" * spare) if spare > 0 else folder
    beyond = len(bytes(folder / node.LONGEST_SOCKET)) - 107
    with pytest.raises(errors.DevclusterError, match=f"choose a --dir that is {beyond} bytes"):
        node.prepare(folder, print)
    assert not folder.exists()


def test_a_folder_in_which_a_nodes_sockets_just_fit_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One byte more would be refused: what is asked next is whether the user is root."""
    folder = Path("/", "x" * (107 - len(bytes("/" / node.LONGEST_SOCKET)) - 1))
    assert len(bytes(folder / node.LONGEST_SOCKET)) == 107

    class Asked(Exception):  # noqa: N818  ends the test's walk where it has shown enough
        pass

    def ask() -> None:
        raise Asked

    monkeypatch.setattr(network, "require_root", ask)
    with pytest.raises(Asked):
        node.prepare(folder, print)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["/usr/bin/kube-proxy", "--config=c"], True),
        (["/programs/node", "kube-proxy", "--config=c"], True),
        (["/usr/bin/kubelet", "--config=c"], True),
        (["/programs/node", "kubelet", "--config=c"], True),
        (["/programs/controlplane", "etcd", "--data-dir=kube-proxy"], False),
        (["less", "logs", "kube-proxy"], False),
        ([], False),
    ],
)
def test_a_node_is_known_by_its_commands(tmp_path: Path, words: list[str], *, found: bool) -> None:
    """Where none runs, filters that are there were left behind, and may be taken away."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    assert network.has_node(tmp_path) is found
