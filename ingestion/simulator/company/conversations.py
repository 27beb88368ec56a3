"""Support conversations: who says what, in which order, about one issue."""

from __future__ import annotations

import random
from dataclasses import dataclass

from ingestion.simulator.company.issues import (
    AGENT_CLOSINGS,
    AGENT_GREETINGS,
    AREAS,
    CLOSINGS,
    CODES,
    DAYS,
    GREETINGS,
    HTML_PARTS,
    ISSUES,
    PERSONAL_DATA,
    THANKS,
    Issue,
)

_BY_LANGUAGE: dict[str, list[Issue]] = {}
for _issue in ISSUES:
    _BY_LANGUAGE.setdefault(_issue.language, []).append(_issue)
_WEIGHTS = {
    language: [issue.weight for issue in issues] for language, issues in _BY_LANGUAGE.items()
}
ISSUE_BY_KEY = {issue.key: issue for issue in ISSUES}
PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass(frozen=True)
class Message:
    """`by_agent` tells who speaks; a message that is not `public` is an internal note."""

    by_agent: bool
    public: bool
    body: str


@dataclass(frozen=True)
class Conversation:
    issue: Issue
    priority: str
    subject: str
    messages: tuple[Message, ...]


def pick_issue(rng: random.Random, locale: str) -> Issue:
    """An issue in the customer's language half of the time where there is one, else in English."""
    language = locale[:2]
    if language not in _BY_LANGUAGE or rng.random() < 0.5:
        language = "en"
    return rng.choices(_BY_LANGUAGE[language], _WEIGHTS[language])[0]


def converse(
    rng: random.Random, issue: Issue, customer: str, agent: str, colleague: str, *, solved: bool
) -> Conversation:
    """A conversation of two to six messages that begins with the customer's opening.

    A solved one ends with the fix, or with the customer's thanks after it.
    """
    facts = {
        "colleague": colleague,
        "agent": agent,
        "name": customer,
        "number": rng.randrange(10, 60),
        "code": rng.choice(CODES),
        "area": rng.choice(AREAS),
        "day": rng.choice(DAYS),
        "invoice": f"NB-{rng.randrange(1000, 9999)}",
    }
    english = issue.language == "en"

    def customer_says(text: str) -> Message:
        body = text.format_map(facts)
        if english:
            greeting, closing = rng.choice(GREETINGS), rng.choice(CLOSINGS)
            body = f"{greeting}\n\n{body}\n\n{closing}\n{customer}".strip()
        else:
            body = f"{body}\n\n{customer}"
        return Message(by_agent=False, public=True, body=body)

    def agent_says(text: str) -> Message:
        body = text.format_map(facts)
        if english:
            greeting, closing = rng.choice(AGENT_GREETINGS), rng.choice(AGENT_CLOSINGS)
            body = f"{greeting}\n\n{body}\n\n{closing}".format_map(facts)
        else:
            body = f"{body}\n\n{agent}"
        return Message(by_agent=True, public=True, body=body)

    opening = rng.choice(issue.openings)
    mess = rng.random()
    if mess < 0.05:
        opening += " " + rng.choice(PERSONAL_DATA)
    elif mess < 0.08:
        opening += "\n\n" + rng.choice(HTML_PARTS)
    messages = [customer_says(opening), agent_says(rng.choice(issue.asks))]
    if issue.notes and rng.random() < 0.25:
        note = rng.choice(issue.notes).format_map(facts)
        messages.append(Message(by_agent=True, public=False, body=note))
    if rng.random() < 0.4:
        messages.append(customer_says(rng.choice(issue.replies)))
    if solved:
        messages.append(agent_says(rng.choice(issue.fixes)))
        if rng.random() < 0.3:
            thanks = rng.choice(THANKS).format_map(facts)
            messages.append(Message(by_agent=False, public=True, body=thanks))
    subject = rng.choice(issue.subjects).format_map(facts)
    priority = rng.choices(PRIORITIES, issue.priorities)[0]
    return Conversation(issue, priority, subject, tuple(messages))


def html(text: str) -> str:
    """The text as mail programs write it; what is markup already stays."""
    return "".join(f"<p>{part}</p>".replace("\n", "<br>") for part in text.split("\n\n"))
