"""``user``: people, their roles, sign-in links, passwords and tokens."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadbed.cli.identity import me
from roadbed.cli.output import Json, UseCaseName, opened, run, show, sign_in_link, tell
from roadbed.cli.usage import Verbs

if TYPE_CHECKING:
    from roadbed.app import App

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="People, their roles, one-time links and API tokens.",
)
Name = Annotated[str, typer.Argument(help="The person's name.")]
RoleName = Annotated[
    str,
    typer.Argument(
        metavar="ROLE",
        help="domain_lead, engineer, data_specialist, risk_partner, reviewer or viewer",
    ),
]


@app.command()
def add(
    name: Name,
    display: Annotated[str, typer.Option("--display", help="The name in full.")] = "",
    email: Annotated[
        str | None, typer.Option(help="The e-mail address at the identity provider.")
    ] = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="An administrator: manages people and sees everything.")
    ] = False,
    json: Json = False,
) -> None:
    """Add a person, without roles. A program needs its own person as well."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.members.add(
                name, by=me(), display=display, email=email, admin=admin
            )

    person = run(work())
    show(
        {"person": person},
        as_json=json,
        text=lambda: f"{name} is here. Roles: `roadbed user grant {name} USECASE ROLE`.",
    )


@app.command("list")
def list_(json: Json = False) -> None:
    """List people and their roles."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.members.list(), await services.members.unbound()

    everybody, unbound = run(work())
    show(
        {"people": everybody, "unbound": unbound},
        as_json=json,
        text=lambda: (
            "\n".join(
                [
                    *(f"{item.name:20}{_standing(item)}" for item in everybody),
                    *(
                        f"{entry.use_case} names {entry.person} as {entry.role.replace('_', ' ')}, "
                        + ("who is not confirmed." if entry.known else "who is nobody here.")
                        for entry in unbound
                    ),
                ]
            )
            or "Nobody yet. `roadbed up` makes you the administrator, and so does "
            "`roadbed user link` or `roadbed user token`; `roadbed user add NAME` adds others."
        ),
    )


@app.command("show")
def show_(name: Name, json: Json = False) -> None:
    """Show one person: roles, their source, and valid tokens."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            person = await services.members.get(name)
            held = await services.members.held(person=name)
            return person, held, await services.people.issued(name)

    person, held, tokens = run(work())
    show(
        {"person": person, "roles": held, "tokens": tokens},
        as_json=json,
        text=lambda: "\n".join(
            [
                f"{name}  {person.display}  {person.email or ''}".rstrip(),
                f"  {_standing(person)}",
                *(f"  {item.role} of {item.use_case}, by {_by(item)}" for item in held),
                *map(_token_line, tokens),
            ]
        ),
    )


@app.command()
def grant(name: Name, usecase: UseCaseName, role: RoleName, json: Json = False) -> None:
    """Grant a role in a use case."""
    _change(lambda services: services.members.grant(name, usecase, role, by=me()))
    show(
        {"person": name, "use_case": usecase, "role": role},
        as_json=json,
        text=lambda: f"{name} is {role.replace('_', ' ')} of {usecase}, within two seconds.",
    )


@app.command()
def revoke(name: Name, usecase: UseCaseName, role: RoleName, json: Json = False) -> None:
    """Revoke a granted role. Change a declared role in its folder."""
    _change(lambda services: services.members.revoke(name, usecase, role, by=me()))
    show(
        {"person": name, "use_case": usecase, "role": role},
        as_json=json,
        text=lambda: f"{name} is no longer {role.replace('_', ' ')} of {usecase}.",
    )


@app.command()
def admin(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Remove this right.")] = False,
    json: Json = False,
) -> None:
    """Make a person an administrator."""
    _change(lambda services: services.members.make_admin(name, admin=not off, by=me()))
    show(
        {"person": name, "admin": not off},
        as_json=json,
        text=lambda: f"{name} is {'no longer' if off else 'now'} an administrator.",
    )


@app.command()
def confirm(name: Name, json: Json = False) -> None:
    """Confirm that this person is the one whom folders declare by this name."""
    _change(lambda services: services.members.confirm(name, by=me()))
    show(
        {"person": name, "confirmed": True},
        as_json=json,
        text=lambda: f"{name} is confirmed: what folders declare for the name counts.",
    )


@app.command()
def disable(name: Name, json: Json = False) -> None:
    """Disable a person: sessions, links and tokens end permanently, within two seconds."""
    _change(lambda services: services.members.disable(name, by=me()))
    show({"person": name, "disabled": True}, as_json=json, text=lambda: f"{name} is kept out.")


@app.command()
def enable(name: Name, json: Json = False) -> None:
    """Enable a person again, with the same roles. Old tokens stay invalid."""
    _change(lambda services: services.members.enable(name, by=me()))
    show({"person": name, "disabled": False}, as_json=json, text=lambda: f"{name} may come in.")


@app.command()
def password(
    name: Name,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input.")
    ] = False,
    json: Json = False,
) -> None:
    """Set a password. It ends the person's sessions and revokes the tokens."""
    typed = (
        sys.stdin.readline().rstrip("\r\n")
        if stdin
        else typer.prompt("New password", hide_input=True, confirmation_prompt=True)
    )

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.signing_in.set_password(name, typed, by=me())

    revoked = run(work())
    show(
        {"person": name, "revoked": revoked},
        as_json=json,
        text=lambda: "\n".join(
            [
                f"{name} has a new password, and every session of theirs ended.",
                *(["These tokens were revoked with it:"] if revoked else []),
                *map(_token_line, revoked),
            ]
        ),
    )


@app.command()
def link(
    name: Annotated[str | None, typer.Argument(help="The person. Default: you.")] = None,
    json: Json = False,
) -> None:
    """Print a one-time sign-in link, valid for 15 minutes."""

    async def make() -> str:
        async with opened(only=[]) as services:
            await _first_administrator(services)
            code = await services.people.issue_link_code(name or me(), by=me())
            return sign_in_link(await _reached_at(services), code)

    made = run(make())
    show({"link": made}, as_json=json, text=lambda: made)


@app.command()
def token(
    name: Annotated[str | None, typer.Argument(help="The person. Default: you.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="submit, read, review, outcomes, operate or improve. Repeat it for several."
        ),
    ] = None,
    usecase: Annotated[
        list[str] | None, typer.Option(help="Only in this use case. Repeat it for several.")
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.01, max=3650, help="Days until it expires.")
    ] = None,
    label: Annotated[str, typer.Option(help="The purpose of the token.")] = "",
    json: Json = False,
) -> None:
    """Make an API token. It is shown only once. Without a scope it has all the person's rights."""

    async def make() -> str:
        async with opened(only=[]) as services:
            if name in {None, me()}:
                await _first_administrator(services)
            return await services.people.issue_token(
                name or me(), name=label, scopes=scope, use_cases=usecase, days=days, by=me()
            )

    made = run(make())
    show({"token": made}, as_json=json, text=lambda: made)


@app.command()
def tokens(
    name: Annotated[str | None, typer.Argument(help="The person. Default: everybody.")] = None,
    json: Json = False,
) -> None:
    """List the valid API tokens. The secrets are not stored."""

    async def work() -> Any:
        async with opened(only=[]) as services:
            return await services.people.issued(name)

    issued = run(work())
    show(
        {"tokens": issued},
        as_json=json,
        text=lambda: "\n".join(map(_token_line, issued)) or "There is no valid token.",
    )


@app.command("revoke-token")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id in `user tokens`.")],
    json: Json = False,
) -> None:
    """Revoke a token or session. It stops working within two seconds."""
    _change(lambda services: services.people.revoke(token_id, person=None, by=me()))
    show({"revoked": token_id}, as_json=json, text=lambda: f"{token_id} is revoked.")


@app.command("sign-out-all")
def sign_out_all(json: Json = False) -> None:
    """End every session and one-time link. Everybody has to sign in again."""

    async def work() -> int:
        async with opened(only=[]) as services:
            return await services.people.close_all_sessions(by=me())

    ended = run(work())
    show({"ended": ended}, as_json=json, text=lambda: f"{ended} sessions and links have ended.")


async def _first_administrator(services: App) -> None:
    """Without any person, the person at this terminal becomes the administrator."""
    if (first := await services.members.add_first(me())) is not None:
        tell(f"There was no administrator yet: {first} is the administrator now.")


async def _reached_at(services: App) -> str:
    """The address of Roadbed: the setting, or else the address of a running server."""
    from roadbed.decisions.crash_detection import addresses

    settings = services.settings
    if settings.address:
        return settings.public_address()
    if listening := await addresses(services.database):
        return listening[0]
    tell("No server runs on this machine: start `roadbed up` or `roadbed serve` to open the link.")
    return settings.public_address()


def _change(change: Callable[[App], Awaitable[None]]) -> None:
    async def work() -> None:
        async with opened(only=[]) as services:
            await change(services)

    run(work())


def _standing(person: Any) -> str:
    if person.disabled_at is not None:
        return "disabled"
    parts = ["administrator"] if person.admin else []
    parts += [f"{', '.join(roles)} of {name}" for name, roles in sorted(person.roles.items())]
    standing = "; ".join(parts) or "no role yet"
    waits = person.confirmed_at is None
    return f"{standing}; not confirmed: `roadbed user confirm {person.name}`" if waits else standing


def _by(held: Any) -> str:
    if not held.declared:
        return str(held.granted_by)
    return "its folder" if held.counts else "its folder, not confirmed"


def _token_line(token: Any) -> str:
    scopes = ", ".join(token.scopes) if token.scopes else "all rights"
    where = ", ".join(token.use_cases) if token.use_cases else "everywhere"
    until = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "until revoked"
    return f"  {token.id}  {token.person:16} {token.name or '–':16} {scopes}; {where}; {until}"
