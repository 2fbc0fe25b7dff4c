"""A real Asterisk whose probe account is in a PostgreSQL (realtime), as large systems keep all phones.

What the front's header lets in stays in the file; so OPTIONS are answered whatever the database
does, and only who calls as a phone does notices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.lab import tones
from tests.lab.asterisk import DOMAIN, Asterisk
from tests.lab.postgres import Postgres

USER, PASSWORD = "sipfront-probe", "probe-secret"
#: Answers, and plays a prompt of 600 Hz.
PROMPT = "620"
#: Calls at once; the lab's own probes never make so many.
MOST_CALLS = 6

MODULES = (
    "res_config_pgsql", "res_sorcery_realtime", "res_realtime", "res_http_websocket", "res_websocket_client",
    "res_stasis",
    "res_ari_model", "res_ari", "res_ari_asterisk",
)  # fmt: skip
FILES = Path(__file__).parent / "asterisk_realtime"
#: The columns that Asterisk writes for a contact; all of them text, as it sends them.
CONTACT = (
    "uri", "expiration_time", "qualify_frequency", "outbound_proxy", "path", "user_agent",
    "qualify_timeout", "reg_server", "authenticate_qualify", "via_addr", "via_port", "call_id",
    "endpoint", "prune_on_boot", "qualify_2xx_only",
)  # fmt: skip


def contacts_table() -> str:
    """What makes the table of contacts."""
    columns = ", ".join(f"{column} text" for column in CONTACT)
    return f"create table ps_contacts (id text primary key, {columns});"


def share_contacts(node: Asterisk, database: Postgres) -> None:
    """Have a PBX keep its contacts, and nothing else, in a database that others use as well.

    What an administrator does for ``registrations.continuity: shared`` (docs/asterisk.md).
    """
    etc = node.folder / "etc"
    text = (FILES / "res_pgsql.conf").read_text().replace("@DATABASE@", database.ip)
    (etc / "res_pgsql.conf").write_text(text)
    (etc / "extconfig.conf").write_text("[settings]\nps_contacts => pgsql,postgres,ps_contacts\n")
    (etc / "sorcery.conf").write_text("[res_pjsip]\ncontact = realtime,ps_contacts\n")
    with (etc / "modules.conf").open("a") as out:
        out.write("load = res_config_pgsql.so\nload = res_sorcery_realtime.so\n")


def _table(name: str, row: dict[str, str]) -> str:
    columns = ", ".join(f"{column} text" for column in row if column != "id")
    made = f"create table {name} (id text primary key, {columns});\n"
    values = ", ".join(f"'{value}'" for value in row.values())
    return made + f"insert into {name} ({', '.join(row)}) values ({values});\n"


class Realtime(Asterisk):
    """One PBX and its database."""

    def __init__(self, name: str, ip: str, folder: Path, *, database: Postgres, **more: Any):
        super().__init__(name, ip, folder, **more)
        self.database = database

    @property
    def prompt(self) -> Path:
        """The file of the prompt."""
        return self.folder / "sounds/welcome.wav"

    async def fill(self) -> None:
        """Make the tables, with the one account."""
        endpoint = {
            "id": USER, "aors": USER, "auth": USER, "context": "probe", "disallow": "all",
            "allow": "ulaw", "identify_by": "auth_username,username", "direct_media": "no",
            "rtp_symmetric": "yes", "rewrite_contact": "no", "force_rport": "yes",
            "media_address": self.ip, "bind_rtp_to_media_address": "yes",
        }  # fmt: skip
        auth = {
            "id": USER, "auth_type": "digest", "username": USER, "password": PASSWORD,
            "realm": DOMAIN,
        }  # fmt: skip
        aor = {
            "id": USER, "max_contacts": "3", "remove_existing": "yes",
            "minimum_expiration": "20", "default_expiration": "60", "maximum_expiration": "7200",
        }  # fmt: skip
        await self.database.sql(
            _table("ps_endpoints", endpoint) + _table("ps_auths", auth) + _table("ps_aors", aor)
            + contacts_table()
        )  # fmt: skip

    def write(self) -> None:
        """As the others, with the database, a cap of calls, a prompt, and the interfaces."""
        super().write()
        etc = self.folder / "etc"
        for file in FILES.glob("*.conf"):
            text = file.read_text().replace("@DATABASE@", self.database.ip)
            (etc / file.name).write_text(text.replace("@IP@", self.ip))
        with (etc / "modules.conf").open("a") as out:
            out.writelines(f"load = {module}.so\n" for module in MODULES)
        with (etc / "asterisk.conf").open("a") as out:
            out.write(f"maxcalls = {MOST_CALLS}\n")
        with (etc / "extensions.conf").open("a") as out:
            out.write(f"\n[probe](+)\nexten => {PROMPT},1,Answer()\n")
            out.write(" same => n,Playback(/mnt/sounds/welcome)\n same => n,Wait(2)\n")
        self.say()

    def say(self) -> None:
        """Have the prompt."""
        tones.write_tone(self.prompt, 600, 3)
