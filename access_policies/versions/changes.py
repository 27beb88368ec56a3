"""What a change of policies changes, in words: for those who approve it, and for the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from access_policies.policies import MaskRule, Policy, PolicySet, Rule

_NOBODY = Policy(entity="", rules=())


def described(old: PolicySet, new: PolicySet) -> list[str]:
    """A sentence for each rule, mask and document that was added, removed or changed."""
    lines: list[str] = []
    for entity in sorted(old.policies.keys() | new.policies.keys()):
        before, after = old.policies.get(entity), new.policies.get(entity)
        if before is None:
            lines.append(f"{entity}: has a policy now; without one nobody saw it")
        elif after is None:
            lines.append(f"{entity}: has no policy any more, so that nobody sees it")
        lines += _of_entity(entity, before or _NOBODY, after or _NOBODY)
    lines += _of_documents("tests", old.tests, new.tests)
    lines += _of_documents("owners", old.owners, new.owners)
    return lines


def changed_entities(old: PolicySet, new: PolicySet) -> list[str]:
    """The entities whose policies differ in what they say, their reasons included."""
    entities = sorted(old.policies.keys() | new.policies.keys())
    return [name for name in entities if old.policies.get(name) != new.policies.get(name)]


def _of_entity(entity: str, old: Policy, new: Policy) -> Iterator[str]:
    yield from _of_rules(entity, "rule", old.rules, new.rules)
    yield from _of_rules(entity, "mask", old.masks, new.masks)
    yield from _of_rules(entity, "guard rail", old.guard_rules, new.guard_rules)
    yield from _of_rules(entity, "guard rail's mask", old.guard_masks, new.guard_masks)


def _of_rules(
    entity: str,
    what: str,
    old: tuple[Rule, ...] | tuple[MaskRule, ...],
    new: tuple[Rule, ...] | tuple[MaskRule, ...],
) -> Iterator[str]:
    before = {rule.id: rule for rule in old}
    after = {rule.id: rule for rule in new}
    for id in sorted(before.keys() - after.keys()):
        yield f"{entity}: {what} {id} is gone: it {_does(before[id])} when {before[id].text}"
    for id in sorted(after.keys() - before.keys()):
        yield f"{entity}: {what} {id} is new: it {_does(after[id])} when {after[id].text}"
    for id in sorted(before.keys() & after.keys()):
        was, now = before[id], after[id]
        if _does(was) != _does(now):
            yield f"{entity}: {what} {id} {_does(now)}; before, it {_does(was)}"
        if was.text != now.text:
            yield f"{entity}: {what} {id} applies when {now.text}; before, when {was.text}"
        if was.because != now.because:
            yield f"{entity}: {what} {id} has another reason: {now.because or 'none'}"


def _does(rule: Rule | MaskRule) -> str:
    whom = "" if rule.side == "user" else f" for {rule.side}"
    if isinstance(rule, Rule):
        return ("allows" if rule.effect == "allow" else "denies") + whom
    return f"masks {', '.join(rule.fields)} ({rule.mask}){whom}"


def _of_documents(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new:
            yield f"{what}: {name} is gone"
        elif name not in old:
            yield f"{what}: {name} is new"
        elif old[name] != new[name]:
            yield f"{what}: {name} is changed"
