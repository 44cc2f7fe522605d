"""Mistakes in who may read the operator's metrics; `mechanisms` lists them."""

from __future__ import annotations

from proof.mutants.mechanism import Mechanism, one

_WHO = "tests/telemetry/test_scrapers.py"
_PORT = "tests/telemetry/test_secured.py"
_ASKED = "controller.telemetry.scrapers:Scrapers.refusal"

MECHANISMS: tuple[Mechanism, ...] = (
    one(
        "whoever was let in once may scrape for ever",
        _ASKED,
        "now - self._known[key] < YES_SECONDS",
        "True",
        f"{_WHO}::test_a_yes_lasts_no_longer_than_it_says",
    ),
    one(
        "a header that an API server takes for nobody's is sent on",
        _ASKED,
        "_BEARER.fullmatch(authorization)",
        "_BEARER.match(authorization)",
        f"{_WHO}::test_what_is_no_token_is_never_sent_on",
    ),
    one(
        "a flood of wrong tokens is asked about without end",
        _ASKED,
        "not self._afforded(address, now)",
        "False",
        f"{_WHO}::test_a_flood_from_one_address_shuts_out_nobody_else",
    ),
    one(
        "a scraper that was let in waits in line with strangers",
        _ASKED,
        "key in self._known",
        "key in self._known and now - self._known[key] < YES_SECONDS",
        f"{_WHO}::test_a_flood_from_everywhere_shuts_out_nobody_who_was_in",
    ),
    one(
        "whoever dawdles may stay",
        "controller.telemetry.secured:_Connections._take",
        "asyncio.get_running_loop().call_later(LONGEST_SECONDS, _end, made)",
        "None",
        f"{_PORT}::test_whoever_dawdles_is_ended",
    ),
)
