"""The Secret with clouds.yaml: what is read of it, and that it is followed and never shown."""

import asyncio
import base64
from typing import Any

import pytest
import structlog
import yaml

from controller import errors
from controller.api.resources import Resource
from controller.providers.openstack import clouds, configuration
from controller.providers.openstack.clouds import Cloud, Clouds
from controller.providers.openstack.rights import SECRET
from devcluster import certificates
from fakes.api_server import ApiServer

HOME = "default"
WORD = "swordfish"
AUTH = {"auth_url": "https://keystone/v3", "username": "me", "password": WORD}
# There is no such day.
ODD_DATE = f"clouds: {{west: {{auth: {{until: 2026-02-30, password: {WORD}}}}}}}"


def data(document: Any, **more: str) -> dict[str, str]:
    """Return the data of a Secret."""
    text = document if isinstance(document, str) else yaml.safe_dump(document)
    given = {clouds.KEY: text, **more}
    return {key: base64.b64encode(each.encode()).decode() for key, each in given.items()}


def west(**changes: Any) -> dict[str, Any]:
    """Return a clouds.yaml with one cloud."""
    return {"clouds": {"west": {"auth": AUTH, **changes}}}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A certificate to trust."""
    folder = tmp_path_factory.mktemp("certificates")
    return certificates.authority(folder, "ca").pair.certificate.read_text()


def test_a_cloud_is_read_as_openstack_clients_read_it(pem: str) -> None:
    """Its region, interface, certificates and how it lets people in."""
    found = clouds.read(
        data(west(region_name="RegionTwo", interface="internal"), cacert=pem), "west"
    )
    assert found == Cloud(auth=AUTH, region="RegionTwo", interface="internal", ca=pem)
    credential = {"auth_url": "https://k/v3", "application_credential_secret": WORD}
    assert clouds.read(data(west(auth=credential)), "west").auth_type == "v3applicationcredential"
    assert not clouds.read(data(west(verify=False)), "west").verify


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        {clouds.KEY: "%%%"},
        data(f"{{{WORD}"),
        data(f"[{WORD}]"),
        data({"clouds": {"east": {"auth": AUTH}}}),
        data({"clouds": {"west": WORD}}),
        data({"clouds": {"west": {"auth": WORD}}}),
        data(west(), cacert=WORD),
        data(f"!!python/object/apply:os.system ['{WORD}']"),
        # Of these PyYAML raises errors of other kinds than its own.
        data(ODD_DATE),
        data(f"clouds: {{west: {{auth: {{a: !!int {WORD}}}}}}}"),
        data(west()) | {clouds.CA_KEY: "/w=="},
    ],
)
def test_what_cannot_be_used_is_refused_without_a_word_of_it(given: dict[str, str] | None) -> None:
    """The message says what must be there; the Secret's content is nobody's business."""
    with pytest.raises(errors.Stalled) as refused:
        clouds.read(given, "west")
    assert refused.value.reason == "CredentialsMissing"
    told = (str(refused.value), refused.value.words, repr(refused.value.__context__))
    assert WORD not in "".join(told[:2])


def test_certificates_are_refused_that_ssl_takes_for_no_text(pem: str) -> None:
    """A comment is enough for that, and the message says what must be mended."""
    with pytest.raises(errors.Stalled, match=r"cacert of the Secret .* in ASCII alone"):
        clouds.read(data(west(), cacert=f"# Főtanúsítvány\n{pem}"), "west")


def test_credentials_are_never_shown(pem: str) -> None:
    """Neither by the repr of a cloud, nor of what is made of it."""
    found = clouds.read(data(west(), cacert=pem), "west")
    assert WORD not in repr(found)
    assert pem[40:60] not in repr((found, found.trust))


@pytest.mark.looptime
async def test_new_credentials_are_taken_up_without_a_restart() -> None:
    """A change is followed; a slip, or a delete, leaves what was there."""
    api = ApiServer()
    followed = Clouds(api, HOME, "west")
    await followed.load()
    with pytest.raises(errors.Stalled):
        followed.cloud()
    running = asyncio.create_task(followed.run())
    try:
        body = {"metadata": {"name": SECRET}, "data": data(west())}
        await api.create(Resource.SECRETS, HOME, body)
        await _until(lambda: followed.found is not None)
        assert followed.cloud().auth == AUTH
        changed = {"data": data(west(region_name="two"))}
        await api.patch(Resource.SECRETS, HOME, SECRET, changed)
        await _until(lambda: followed.cloud().region == "two")
        for slip in (ODD_DATE, "nonsense"):
            await api.patch(Resource.SECRETS, HOME, SECRET, {"data": data(slip)})
            await _until(lambda: followed.problem != "")
            assert followed.cloud().region == "two"
            changed = {"data": data(west(region_name="two", interface=slip[:4]))}
            await api.patch(Resource.SECRETS, HOME, SECRET, changed)
            await _until(lambda: followed.problem == "")
            assert followed.cloud().interface == slip[:4]
        uid = api.objects[Resource.SECRETS][HOME, SECRET]["metadata"]["uid"]
        await api.delete(Resource.SECRETS, HOME, SECRET, uid=uid)
        await asyncio.sleep(5)
        assert followed.cloud().region == "two"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.looptime
async def test_the_secret_is_followed_whatever_went_wrong_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error that nobody foresaw ends no watch: the rotation that mends it is seen."""
    api = ApiServer()
    followed = Clouds(api, HOME, "west")
    await api.create(Resource.SECRETS, HOME, {"metadata": {"name": SECRET}, "data": data(west())})
    await followed.load()
    running = asyncio.create_task(followed.run())
    read = clouds.read

    def crash(*_: Any) -> Cloud:
        raise RecursionError(WORD)

    try:
        await asyncio.sleep(1)
        monkeypatch.setattr(clouds, "read", crash)
        changed = {"data": data(west(region_name="two"))}
        await api.patch(Resource.SECRETS, HOME, SECRET, changed)
        with structlog.testing.capture_logs() as heard:
            await asyncio.sleep(120)
        assert "RecursionError" in str(heard)
        assert WORD not in str(heard)
        monkeypatch.setattr(clouds, "read", read)
        await _until(lambda: followed.cloud().region == "two")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _until(holds: Any) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - in virtual time
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"{}",
        b'{"cloud": ""}',
        b'{"cloud": 1}',
        b'{"cloud": "a", "probeCIDRs": ["x"]}',
    ],
)
def test_settings_that_make_no_sense_are_refused(raw: bytes) -> None:
    """With the field, and as the administrator's to mend."""
    with pytest.raises(errors.Stalled) as refused:
        configuration.read(raw)
    assert refused.value.reason == "InvalidSettings"
    assert "spec.openstack" in str(refused.value)
