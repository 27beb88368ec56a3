"""The real customers behind the records, and the names under which each system has them."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ingestion.simulator.company import names
from ingestion.simulator.company.names import COUNTRIES, COUNTRY_WEIGHTS, Country

_COUNTRY = {country.name: country for country in COUNTRIES}


@dataclass(frozen=True)
class Person:
    given: str
    family: str
    email: str
    phone: str
    title: str | None
    locale: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()


@dataclass(frozen=True)
class Customer:
    """One real customer and how it shows up.

    `in_salesforce`, `in_zendesk` and `in_stripe` hold one name per record that system has of it.
    `billing_mail` is the address Stripe knows, which may be free mail or missing.
    """

    key: str
    brand: str
    sector: str
    legal_form: str
    country: Country
    tier: str
    currency: str
    domain: str
    other_domain: str | None
    since: datetime
    people: tuple[Person, ...]
    in_salesforce: tuple[str, ...]
    in_zendesk: tuple[str, ...]
    in_stripe: tuple[str, ...]
    zendesk_knows_account: bool
    stripe_knows_account: bool
    billing_mail: str | None
    individual: bool = False

    @property
    def region(self) -> str:
        return self.country.region

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.brand, self.sector, self.legal_form) if part)


def ascii_slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens: `Müller & Söhne` becomes `muller-sohne`."""
    plain = text.replace("ß", "ss").replace("ł", "l").replace("Ł", "L")
    folded = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", folded.lower()).strip("-")


def invent_people(
    rng: random.Random, country: Country, domain: str, count: int
) -> tuple[Person, ...]:
    """`count` people named as in `country`, each with an address at `domain` of its own."""
    people: list[Person] = []
    taken: set[str] = set()
    while len(people) < count:
        given, _, given_latin = rng.choice(names.GIVEN_NAMES[country.people]).partition("|")
        family, _, family_latin = rng.choice(names.FAMILY_NAMES[country.people]).partition("|")
        local = f"{ascii_slug(given_latin or given)}.{ascii_slug(family_latin or family)}"
        if local in taken:
            local += str(len(people))
        taken.add(local)
        people.append(
            Person(
                given=given,
                family=family,
                email=f"{local}@{domain}",
                phone=f"{country.dial}{rng.randrange(100, 1000)}",
                title=rng.choice(names.TITLES),
                locale=country.locale,
            )
        )
    return tuple(people)


def invent_customers(rng: random.Random, scale: float, as_of: datetime) -> list[Customer]:
    """About `80 * scale` customers, beginning with the four that are always there."""
    customers = _well_known_customers(rng, as_of)
    taken = {customer.domain for customer in customers}
    relatives: list[Customer] = []
    while len(customers) < round(80 * scale):
        if rng.random() < 0.06:
            customer = _individual(rng, as_of, len(customers))
        elif relatives and rng.random() < 0.08:
            customer = _namesake(rng, as_of, rng.choice(relatives[-40:]))
        else:
            customer = _firm(rng, as_of)
        if customer.domain in taken:
            continue
        taken.add(customer.domain)
        customers.append(customer)
        if not customer.individual and customer.country.people != "japanese":
            relatives.append(customer)
    return customers


def _firm(rng: random.Random, as_of: datetime) -> Customer:
    country = rng.choices(COUNTRIES, COUNTRY_WEIGHTS)[0]
    if country.people == "japanese":
        brand, sector = rng.choice(names.JAPANESE_BRANDS), rng.choice(names.JAPANESE_SECTORS)
    elif country.people == "arabic":
        brand, sector = rng.choice(names.ARABIC_BRANDS), rng.choice(names.ARABIC_SECTORS)
    else:
        brand = rng.choice(names.BRAND_HEADS) + rng.choice(names.BRAND_TAILS)
        sector = rng.choice(names.SECTORS)
    return _present(rng, as_of, country, brand, sector)


def _namesake(rng: random.Random, as_of: datetime, relative: Customer) -> Customer:
    """Another firm of nearly the same name, elsewhere and with nothing to do with the first."""
    elsewhere = [
        country
        for country in COUNTRIES
        if country.region != relative.region and country.people not in ("japanese", "arabic")
    ]
    sector = rng.choice([sector for sector in names.SECTORS if sector != relative.sector])
    return _present(rng, as_of, rng.choice(elsewhere), relative.brand, sector)


def _individual(rng: random.Random, as_of: datetime, number: int) -> Customer:
    """A freelancer whom only Stripe knows, by a free mail address that links to nobody else."""
    country = rng.choices(COUNTRIES, COUNTRY_WEIGHTS)[0]
    host = rng.choice(names.FREE_MAIL_HOSTS)
    person = invent_people(rng, country, host, 1)[0]
    address = person.email.replace("@", f"{number}@")
    return Customer(
        key=ascii_slug(address), brand=person.name, sector="", legal_form="", country=country,
        tier="Starter", currency=country.currency, domain=address, other_domain=None,
        since=_moment_within(rng, as_of, 700), people=(replace(person, email=address),),
        in_salesforce=(), in_zendesk=(), in_stripe=(person.name,), zendesk_knows_account=False,
        stripe_knows_account=False, billing_mail=address, individual=True,
    )  # fmt: skip


def _present(
    rng: random.Random, as_of: datetime, country: Country, brand: str, sector: str
) -> Customer:
    """A firm with a domain, people, and a presence in at least one of the three systems."""
    brand, _, brand_latin = brand.partition("|")
    sector, _, sector_latin = sector.partition("|")
    slug = f"{ascii_slug(brand_latin or brand)}-{ascii_slug(sector_latin or sector)}"
    domain = f"{slug}.example"
    legal_form = rng.choice(country.legal_forms)
    latin = f"{brand_latin.title()} {sector_latin.title()}" if brand_latin else None
    variants = name_variants(rng, brand, sector, legal_form, latin)
    presence = [rng.random() < share for share in (0.9, 0.86, 0.82)]
    if not any(presence):
        presence[rng.randrange(3)] = True
    counts = [int(here) * (2 if rng.random() < 0.05 else 1) for here in presence]
    picks = [tuple(rng.choice(variants) for _ in range(count)) for count in counts]
    people = invent_people(rng, country, domain, rng.randint(5, 11))
    billing = rng.random()
    if billing < 0.14:
        host = rng.choice(names.FREE_MAIL_HOSTS)
        mail: str | None = f"{slug.replace('-', '.')}.billing@{host}"
    elif billing < 0.22:
        mail = None
    else:
        mail = f"{rng.choice(('billing', 'accounts', 'ap', 'finance'))}@{domain}"
    return Customer(
        key=slug, brand=brand, sector=sector, legal_form=legal_form, country=country,
        tier=rng.choices(("Enterprise", "Business", "Starter"), (20, 45, 35))[0],
        currency=country.currency, domain=domain,
        other_domain=f"{slug.split('-')[0]}-group.example" if rng.random() < 0.12 else None,
        since=_moment_within(rng, as_of, 1100), people=people,
        in_salesforce=picks[0], in_zendesk=picks[1], in_stripe=picks[2],
        zendesk_knows_account=rng.random() < 0.5, stripe_knows_account=rng.random() < 0.6,
        billing_mail=mail,
    )  # fmt: skip


def name_variants(
    rng: random.Random, brand: str, sector: str, legal_form: str, latin: str | None
) -> list[str]:
    """The spellings under which people file the same firm, from proper to careless."""
    full = f"{brand} {sector}"
    swap = rng.randrange(1, max(2, len(brand) - 1))
    typo = brand[:swap] + brand[swap + 1 : swap + 2] + brand[swap : swap + 1] + brand[swap + 2 :]
    variants = [
        f"{full} {legal_form}",
        f"{full} {legal_form}",
        full,
        full.upper(),
        f"{brand} {legal_form}",
        f"{brand} {sector[:3]}. {legal_form}",
        f"{full} {legal_form} ",
        f"{full}, {legal_form.replace('.', '')}",
        f"{typo} {sector}",
        f"{rng.choice(names.BRAND_ORNAMENTS).format(brand)} {sector}",
    ]
    if latin:
        variants += [latin, f"{latin} K.K." if "株" in legal_form else f"{latin} {legal_form}"]
    return variants


def _moment_within(rng: random.Random, as_of: datetime, days: int) -> datetime:
    return as_of - timedelta(seconds=rng.randrange(40 * 86_400, days * 86_400))


@dataclass(frozen=True)
class _WellKnown:
    key: str
    brand: str
    sector: str
    legal_form: str
    country: str
    tier: str
    domain: str
    people: int
    in_salesforce: tuple[str, ...]
    in_zendesk: tuple[str, ...]
    in_stripe: tuple[str, ...]
    other_domain: str | None = field(default=None)


_WELL_KNOWN = (
    _WellKnown(
        "acme", "Acme", "", "Corporation", "Germany", "Enterprise", "acme-corp.example", 9,
        ("Acme Corporation",), ("ACME Corp.",), ("Acme Inc",), "acme-group.example",
    ),
    _WellKnown(
        "acme-foods", "Acme Foods", "", "LLC", "United States", "Business", "acme-foods.example",
        6, ("Acme Foods",), ("Acme Foods LLC",), ("ACME FOODS",),
    ),
    _WellKnown(
        "globex", "Globex", "", "Inc.", "United States", "Enterprise", "globex.example", 8,
        ("Globex",), ("Globex Inc.",), ("Globex Incorporated",),
    ),
    _WellKnown(
        "hatsune-foods", "初音食品", "", "株式会社", "Japan", "Business", "hatsune-foods.example",
        6, ("初音食品株式会社",), ("初音食品",), ("Hatsune Foods K.K.",),
    ),
)  # fmt: skip


def _well_known_customers(rng: random.Random, as_of: datetime) -> list[Customer]:
    """The same four firms at every seed and scale; only their people differ."""
    customers = []
    for known in _WELL_KNOWN:
        country = _COUNTRY[known.country]
        customers.append(
            Customer(
                key=known.key, brand=known.brand, sector=known.sector,
                legal_form=known.legal_form, country=country, tier=known.tier,
                currency=country.currency, domain=known.domain, other_domain=known.other_domain,
                since=as_of - timedelta(days=900),
                people=invent_people(rng, country, known.domain, known.people),
                in_salesforce=known.in_salesforce, in_zendesk=known.in_zendesk,
                in_stripe=known.in_stripe, zendesk_knows_account=True, stripe_knows_account=True,
                billing_mail=f"billing@{known.domain}",
            )
        )  # fmt: skip
    return customers
