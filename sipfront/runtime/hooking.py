"""Hooks: commands and webhooks around a change of role, each ended in time, each end told once.

What a hook means for the change is control's; here it is run.  Commands go through the helper
process, webhooks through aiohttp; nothing on the data path waits for either.  A command is told in
its environment (``SIPFRONT_HOOK``, ``_NODE``, ``_URI``, ``_OTHER``, ``_EPOCH``, ``_WHY``) and as JSON on
its standard input; a webhook gets the same JSON.  Imported by the runtime only.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp

from sipfront.control.evidence import HookDone
from sipfront.runtime import clock
from sipfront.runtime.errands import ErrandError
from sipfront.runtime.log import event

if TYPE_CHECKING:
    from collections.abc import Callable

    from sipfront.config.hooks import Hook
    from sipfront.config.model import Config
    from sipfront.control.actions import RunHook
    from sipfront.runtime.errands import Errands

log = logging.getLogger("sipfront.hooks")

#: Between two tries.
PAUSE = 0.2
#: Hooks at once; a pair whose roles flap must not start hundreds.  More are refused, and fail.
AT_ONCE = 8
#: Octets of a webhook's answer that are looked at.
MOST = 300
#: Characters of a reason that are told.
SHORT = 200


class HookError(Exception):
    """One try failed; the text says why."""


class Hooking:
    """Runs hooks; ``tell`` hears the end of each."""

    def __init__(self, config: Config, errands: Errands, tell: Callable[[HookDone], None]) -> None:
        self._config = config
        self._errands = errands
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        #: why the last run of a hook failed, by hook; one that ended well is not in it
        self.failing: dict[str, str] = {}

    @property
    def commands(self) -> bool:
        """Is there a hook that is a command?"""
        hooks = self._config.hooks
        every = (hooks.fence, hooks.promote, hooks.demote, hooks.notify)
        return any(hook is not None and hook.command is not None for hook in every)

    @property
    def trouble(self) -> str:
        """What is not well, for people; empty when all is."""
        return "; ".join(f"the {hook} hook failed: {why}" for hook, why in self.failing.items())

    def run(self, wanted: RunHook) -> None:
        """Begin; its end is told, whatever happens."""
        if len(self._tasks) >= AT_ONCE:
            self._end(wanted, False, f"{AT_ONCE} hooks are running already")
            return
        task = asyncio.get_running_loop().create_task(self._run(wanted))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what is running; nobody is told."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, wanted: RunHook) -> None:
        hook: Hook | None = getattr(self._config.hooks, wanted.hook)
        if hook is None:
            self._end(wanted, False, "no such hook is configured")
            return
        until = clock.now() + hook.timeout
        good, text = False, f"did not end within {hook.timeout:g} s"
        try:
            async with asyncio.timeout(hook.timeout):
                good, text = await self._tries(hook, wanted, until)
        except TimeoutError:
            pass
        except Exception as error:
            log.error("bug", exc_info=error, extra={"fields": {"where": "hook"}})
            text = f"could not be run: {type(error).__name__}"
        self._end(wanted, good, text)

    async def _tries(self, hook: Hook, wanted: RunHook, until: float) -> tuple[bool, str]:
        why = ""
        for attempt in range(1 + hook.retries):
            if attempt:
                await asyncio.sleep(PAUSE)
            try:
                left = max(until - clock.now(), 0.01)
                if hook.command is not None:
                    return True, await self._command(hook.command, wanted, left)
                return True, await self._webhook(hook, wanted, left)
            except HookError as error:
                why = str(error)
        return False, why

    async def _command(self, words: tuple[str, ...], wanted: RunHook, left: float) -> str:
        told = self._told(wanted)
        env = {f"SIPFRONT_{name.upper()}": str(value) for name, value in told.items()}
        try:
            ended = await self._errands.run(words, env, left, json.dumps(told) + "\n")
        except ErrandError as error:
            raise HookError(str(error)) from None
        lines = ended.output.strip().splitlines()
        text = lines[-1][:SHORT] if lines else ""
        if ended.code is None:
            raise HookError("did not end in time")
        if ended.code:
            how = f"exit code {ended.code}" if ended.code > 0 else f"signal {-ended.code}"
            raise HookError(f"{how}: {text}" if text else how)
        return text or "exit code 0"

    async def _webhook(self, hook: Hook, wanted: RunHook, left: float) -> str:
        assert hook.url is not None
        headers = {}
        if hook.token_file is not None:
            try:
                token = await asyncio.to_thread(hook.token_file.read_text)
            except OSError as error:
                raise HookError(f"{hook.token_file}: {error.strerror}") from None
            headers["Authorization"] = f"Bearer {(token.splitlines() or [''])[0].strip()}"
        try:
            limit = aiohttp.ClientTimeout(total=left)
            async with (
                aiohttp.ClientSession(timeout=limit, headers=headers) as session,
                session.post(hook.url, json=self._told(wanted), allow_redirects=False) as answer,
            ):
                status = answer.status
                body = (await answer.content.read(MOST)).decode("utf-8", "replace").strip()
        except aiohttp.ClientError as error:
            raise HookError(f"{type(error).__name__}: {error}"[:SHORT]) from None
        except TimeoutError:
            raise HookError("no answer in time") from None
        if not 200 <= status < 300:
            raise HookError(f"{status} {body.splitlines()[0] if body else ''}".strip()[:SHORT])
        return f"{status}"

    def _told(self, wanted: RunHook) -> dict[str, Any]:
        nodes = self._config.nodes
        node = nodes[wanted.node]
        return {
            "hook": wanted.hook,
            "node": node.name,
            "uri": str(node.uri),
            "other": nodes[1 - wanted.node].name,
            "epoch": wanted.epoch,
            "why": wanted.why,
        }

    def _end(self, wanted: RunHook, good: bool, text: str) -> None:
        node = self._config.nodes[wanted.node].name
        level = logging.INFO if good else logging.WARNING
        event(log, level, "hook", hook=wanted.hook, node=node, good=good, text=text)
        if good:
            self.failing.pop(wanted.hook, None)
        else:
            self.failing[wanted.hook] = text
        done = HookDone(wanted.hook, wanted.node, wanted.run, good, text, clock.now())
        self._tell(done)
