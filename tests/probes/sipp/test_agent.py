from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from probes.sipp import SippError, client, server
from probes.sipp.agent import joined, scenario_names


def after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_client_says_what_pysipp_says() -> None:
    words = client(
        srcaddr=("127.0.1.1", 5070),
        destaddr=("127.0.0.11", 5062),
        proxyaddr="127.0.0.10",
        uri_username="1001",
        auth_username="1000",
        auth_password="secret",
        call_count=20,
        rate=2.5,
        limit=7,
        pause_duration=1500,
        transport="tcp",
    ).words()
    assert words[-3:] == ["-rsa", "127.0.0.10:5060", "127.0.0.11:5062"]
    expected = {
        "-i": "127.0.1.1", "-p": "5070", "-mi": "127.0.1.1", "-s": "1001", "-au": "1000",
        "-ap": "secret", "-m": "20", "-r": "250", "-rp": "100000", "-l": "7", "-d": "1500",
        "-t": "t1", "-ci": "127.0.1.1",
    }  # fmt: skip
    assert {option: after(words, option) for option in expected} == expected
    assert words[words.index("domain") - 1 :][:3] == ["-key", "domain", "127.0.0.11:5062"]


def test_a_server_picks_no_port_and_calls_nobody() -> None:
    words = server(srcaddr="127.0.2.1", ring=250).words()
    assert "-p" not in words
    assert "-m" not in words
    assert "-aa" in words
    assert words[words.index("ring_ms") - 1 :][:3] == ["-set", "ring_ms", "250"]


def test_only_declared_variables_are_set() -> None:
    assert "-set" not in client(destaddr="127.0.0.1").words()
    assert "over_stream" not in server().words()
    assert "over_stream" in server(transport="tcp").words()


def test_an_agent_is_varied_and_not_changed() -> None:
    plain = client(destaddr="127.0.0.1")
    other = plain.but(rate=9, destaddr=("::1", 5080))
    assert (plain.rate, other.rate) == (10.0, 9)
    assert other.words()[-1] == "[::1]:5080"


def test_a_name_comes_from_the_scenario() -> None:
    assert client(scen_name="uac_hold").name == "uac_hold"
    assert client(scen_file="somewhere/mine.xml").name == "mine"
    assert client(scen_name="uac", name="phone 1").name == "phone 1"


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(SippError, match="needs a destaddr"):
        client().words()
    with pytest.raises(SippError, match="no scenario 'nope'; there are: options, "):
        client(scen_name="nope", destaddr="127.0.0.1").words()
    with pytest.raises(SippError, match=r"nope\.xml: No such file"):
        client(scen_file="nope.xml", destaddr="127.0.0.1").words()


def test_users_become_an_injection_file() -> None:
    assert client(users=(("1000", "a"), ("1001", "b"))).users_csv() == (
        "SEQUENTIAL\n"
        "1000;[authentication username=1000 password=a]\n"
        "1001;[authentication username=1001 password=b]\n"
    )


def test_addresses_as_sip_writes_them() -> None:
    assert joined(("127.0.0.1", None)) == "127.0.0.1:5060"
    assert joined(("::1", 5070)) == "[::1]:5070"


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_is_xml_with_a_head_that_says_its_purpose(name: str) -> None:
    text = client(scen_name=name).scenario_text()
    assert ET.fromstring(text).attrib["name"] == name  # our own file
    head = text.split("<!--", 1)[1].split("-->", 1)[0].strip()
    assert head.splitlines()[0].endswith(".")
    assert text.index("<!--") < text.index("<scenario ")


def test_paths_may_be_strings() -> None:
    agent = client(info_files=("a.csv",), logdir="logs", destaddr="127.0.0.1")
    assert agent.info_files == (Path("a.csv"),)
    assert agent.logdir == Path("logs")
