"""Who somebody is to a repository: their role, their teams."""

from __future__ import annotations

from cicatrix.github import names, wire
from cicatrix.github.credentials import MEMBERS, READ
from cicatrix.github.errors import Refused
from cicatrix.github.exchange import Ask
from cicatrix.github.reads import Reads


class CallerReads(Reads):
    """What a caller's rights are judged by. For a caller's own name, ask `identity()` of a client with their token."""

    def permission(self, owner: str, repo: str, login: str) -> str | None:
        """The user's role in the repository, such as `write`; None when GitHub knows no such user or repository.

        GitHub's words are read, triage, write, maintain, admin, none, or the name of an organisation's own role. In a
        public repository everybody has `read`.
        https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
        """
        ask = Ask(
            template="/repos/{owner}/{repo}/collaborators/{username}/permission",
            path=f"{names.repository_path(owner, repo)}/collaborators/{names.login(login)}/permission",
        )
        try:
            return self._about(owner, repo, ask, wire.role)
        except Refused as no:
            if no.status != 404:
                raise
            return None

    def team_member(self, organisation: str, team: str, login: str, *, reader: tuple[str, str] | None = None) -> bool:
        """Whether the user is a member of the team (by its slug), or of one below it, and has accepted.

        An App asks with a token of the repository `reader` (owner, name) that may read members, so `reader` must be
        given; without that permission GitHub refuses (403 or 422).
        https://docs.github.com/en/rest/teams/members#get-team-membership-for-a-user
        """
        ask = Ask(
            template="/orgs/{org}/teams/{team_slug}/memberships/{username}",
            path=f"/orgs/{names.organisation(organisation)}/teams/{names.slug(team)}/memberships/{names.login(login)}",
        )
        owner, repo = reader or (organisation, "")
        try:
            answer = self._exchanges.read(ask, self._tokens.for_repository(owner, repo, MEMBERS if reader else READ))
        except Refused as no:
            if no.status != 404:
                raise
            return False
        return self._parsed(ask, answer, lambda tree: tree.get("state") == "active")
