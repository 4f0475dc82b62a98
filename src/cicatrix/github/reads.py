"""How every read of the client is asked for and made a value of: one answer, or a listing to its end."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from cicatrix.core.facts import Listing
from cicatrix.github import fields, wire
from cicatrix.github.body import Answer
from cicatrix.github.credentials import READ, Bearer, Permissions
from cicatrix.github.errors import Refused, Unanswered
from cicatrix.github.exchange import Ask, Exchanges
from cicatrix.github.host import Host
from cicatrix.github.paging import collect
from cicatrix.github.tokens import Tokens

T = TypeVar("T")

PER_PAGE = 100
"""GitHub's largest page (https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api)."""


class Reads:
    """What the rooms of reads share. `GitHub` sets the attributes."""

    host: Host
    _exchanges: Exchanges
    _tokens: Tokens

    def _listing(
        self,
        owner: str,
        repo: str,
        ask: Ask,
        name: str | None,
        parse: Callable[[fields.Tree], T],
        *,
        key: Callable[[T], Hashable],
        limit: int | None = None,
        permissions: Permissions = READ,
    ) -> Listing[T]:
        """All pages of a listing; `name` is the field that holds the items, None where the answer is the list."""

        def page(url: str) -> tuple[tuple[T, ...], int | None, str]:
            asked = Ask(template=ask.template, path=ask.path, query=ask.query, url=url)
            answer = self._read(owner, repo, asked, permissions)
            found, total = self._value(asked, answer, lambda: wire.items(answer.tree, name, parse))
            return found, total, answer.headers.get("link", "")

        return collect(
            self._exchanges.url_of(ask),
            page,
            key=key,
            host=self.host,
            limit=self._exchanges.bounds.items if limit is None else limit,
        )

    def _about(self, owner: str, repo: str, ask: Ask, parse: Callable[[fields.Tree], T]) -> T:
        return self._parsed(ask, self._read(owner, repo, ask), parse)

    def _ask(self, ask: Ask, bearer: Bearer, parse: Callable[[fields.Tree], T]) -> T:
        return self._parsed(ask, self._exchanges.read(ask, bearer), parse)

    def _read(self, owner: str, repo: str, ask: Ask, permissions: Permissions = READ) -> Answer:
        """A read about a repository; after a 404 its name is looked up again next time (renamed, moved, made anew)."""
        try:
            return self._exchanges.read(ask, self._tokens.for_repository(owner, repo, permissions))
        except Refused as no:
            if no.status == 404:
                self._tokens.forget_place(owner, repo)
            raise

    def _parsed(self, ask: Ask, answer: Answer, parse: Callable[[fields.Tree], T]) -> T:
        """The answer as a value; `Unanswered` for one that lacks what nothing can be decided without."""
        return self._value(ask, answer, lambda: parse(wire.document(answer.tree)))

    def _value(self, ask: Ask, answer: Answer, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except fields.Malformed as wrong:
            problem = str(wrong)
        raise Unanswered(f"{ask} was answered {answer.status}", why=problem, status=answer.status)
