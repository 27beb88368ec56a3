"""The pools that names of firms, people and places are drawn from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Country:
    """Where a firm sits: what it calls its legal form, how its people are named, what it pays in.

    `people` names a pool in `GIVEN_NAMES` and `FAMILY_NAMES`; `cities` are `name/postal code`.
    """

    name: str
    region: str
    currency: str
    legal_forms: tuple[str, ...]
    cities: tuple[str, ...]
    dial: str
    time_zone: str
    locale: str
    people: str


COUNTRIES = (
    Country(
        "United States",
        "AMER",
        "USD",
        ("Inc.", "Corporation", "LLC", "Corp."),
        ("Portland/97201", "Austin/78701", "Columbus/43215", "Denver/80202"),
        "+1 555 01",
        "America/Chicago",
        "en-US",
        "english",
    ),
    Country(
        "Canada",
        "AMER",
        "USD",
        ("Inc.", "Ltd."),
        ("Toronto/M5H 2N2", "Calgary/T2P 1J9"),
        "+1 555 01",
        "America/Toronto",
        "en-CA",
        "english",
    ),
    Country(
        "Brazil",
        "AMER",
        "USD",
        ("S.A.", "Ltda."),
        ("São Paulo/01310-100", "Curitiba/80010-000"),
        "+55 11 5550 0",
        "America/Sao_Paulo",
        "pt-BR",
        "iberian",
    ),
    Country(
        "Germany",
        "EMEA",
        "EUR",
        ("GmbH", "AG", "GmbH & Co. KG"),
        ("Leipzig/04109", "München/80331", "Köln/50667"),
        "+49 30 23125 0",
        "Europe/Berlin",
        "de",
        "german",
    ),
    Country(
        "France",
        "EMEA",
        "EUR",
        ("SAS", "SARL", "SA"),
        ("Lyon/69002", "Nantes/44000"),
        "+33 1 99 00 1",
        "Europe/Paris",
        "fr",
        "french",
    ),
    Country(
        "United Kingdom",
        "EMEA",
        "EUR",
        ("Ltd", "Limited", "plc"),
        ("Leeds/LS1 4AP", "Bristol/BS1 5TR"),
        "+44 20 7946 0",
        "Europe/London",
        "en-GB",
        "english",
    ),
    Country(
        "Poland",
        "EMEA",
        "EUR",
        ("sp. z o.o.", "S.A."),
        ("Kraków/31-042", "Łódź/90-001"),
        "+48 12 555 0",
        "Europe/Warsaw",
        "pl",
        "polish",
    ),
    Country(
        "United Arab Emirates",
        "EMEA",
        "USD",
        ("FZE", "LLC"),
        ("Dubai/00000", "Sharjah/00000"),
        "+971 4 555 0",
        "Asia/Dubai",
        "ar",
        "arabic",
    ),
    Country(
        "Japan",
        "APAC",
        "JPY",
        ("株式会社", "合同会社"),
        ("東京/100-0001", "大阪/530-0001", "札幌/060-0001"),
        "+81 3 5550 0",
        "Asia/Tokyo",
        "ja",
        "japanese",
    ),
    Country(
        "Australia",
        "APAC",
        "USD",
        ("Pty Ltd", "Limited"),
        ("Melbourne/3000", "Brisbane/4000"),
        "+61 3 5550 0",
        "Australia/Melbourne",
        "en-AU",
        "english",
    ),
    Country(
        "Singapore",
        "APAC",
        "USD",
        ("Pte. Ltd.",),
        ("Singapore/018956",),
        "+65 6555 0",
        "Asia/Singapore",
        "en-SG",
        "singaporean",
    ),
)
COUNTRY_WEIGHTS = (22, 6, 5, 15, 9, 10, 5, 4, 12, 7, 5)

# A brand is a head and a tail: "Silver" + "ridge".
BRAND_HEADS = (
    "Silver", "North", "Blue", "Iron", "Green", "Bright", "Stone", "Amber", "Cedar", "Clear",
    "Copper", "Crest", "Dawn", "East", "Ember", "Fair", "Falcon", "Glen", "Gold", "Granite",
    "Harbor", "High", "Juniper", "Kings", "Lake", "Lumen", "Maple", "Meridian", "Moss", "Oak",
    "Orchid", "Pine", "Quill", "Raven", "Red", "River", "Sage", "Summit", "Tall", "Willow",
)  # fmt: skip
BRAND_TAILS = (
    "ridge", "wind", "field", "brook", "gate", "haven", "point", "water", "wood", "bridge",
    "mark", "port", "shore", "spring", "stead", "vale", "well", "works", "yard", "croft",
    "dale", "ford", "grove", "hollow", "light", "mere", "path", "reach", "side", "worth",
)  # fmt: skip
SECTORS = (
    "Logistics", "Foods", "Energy", "Textiles", "Robotics", "Pharma", "Insurance", "Media",
    "Travel", "Optics", "Furniture", "Motors", "Ceramics", "Analytics", "Publishing", "Shipping",
    "Biotech", "Packaging", "Hotels", "Software", "Chemicals", "Outdoor", "Dental", "Toys",
)  # fmt: skip

# Names in other scripts, each with the spelling its domain uses: "山田|yamada".
JAPANESE_BRANDS = (
    "山田|yamada", "青葉|aoba", "桜井|sakurai", "北斗|hokuto", "東雲|shinonome", "若松|wakamatsu",
    "富士見|fujimi", "三日月|mikazuki", "大和|yamato", "白鳥|shiratori", "竹中|takenaka",
    "朝日丘|asahigaoka",
)  # fmt: skip
JAPANESE_SECTORS = (
    "電機|denki", "食品|shokuhin", "商事|shoji", "製薬|seiyaku", "運輸|unyu", "精工|seiko",
)  # fmt: skip
ARABIC_BRANDS = (
    "النخبة|alnokhba", "الواحة|alwaha", "الأفق|alofoq", "المنارة|almanara", "اللؤلؤة|allulua",
)  # fmt: skip
ARABIC_SECTORS = (
    "للتجارة|trading", "للشحن|shipping", "للأغذية|foods", "للتقنية|technology",
)  # fmt: skip
BRAND_ORNAMENTS = ("☀️ {}", "{} 🚀", "{}™", "„{}“")

GIVEN_NAMES = {
    "english": (
        "Olivia", "James", "Amelia", "Noah", "Grace", "Henry", "Chloe", "Samuel", "Hannah", "Leo",
        "Maya", "Oscar", "Priya", "Daniel", "Zoe", "Isaac", "Ruth", "Owen", "Naomi", "Felix",
    ),
    "german": (
        "Jürgen", "Anke", "Björn", "Käthe", "Matthias", "Sabine", "Uwe", "Heike", "Lukas", "Greta",
    ),
    "french": (
        "Élodie", "François", "Chloé", "Benoît", "Maëlle", "Gaëtan", "Inès", "Rémi",
    ),
    "iberian": (
        "João", "Conceição", "Thiago", "Letícia", "Inês", "Álvaro", "Begoña", "Matías",
    ),
    "polish": (
        "Łukasz", "Małgorzata", "Paweł", "Zofia", "Wojciech", "Agnieszka",
    ),
    "arabic": (
        "فاطمة|fatima", "يوسف|youssef", "ليلى|layla", "خالد|khaled", "مريم|maryam", "عمر|omar",
    ),
    "japanese": (
        "太郎|taro", "花子|hanako", "健一|kenichi", "美咲|misaki", "翔太|shota", "由美子|yumiko",
        "大輔|daisuke", "さくら|sakura",
    ),
    "singaporean": (
        "Wei Ling", "Jia Hao", "Siti", "Arjun", "Mei Xin", "Farid",
    ),
}  # fmt: skip
FAMILY_NAMES = {
    "english": (
        "Bennett", "O'Connor", "Carter", "Dawson", "Ellis", "Fletcher", "Goodwin", "Hughes",
        "Ingram", "Jennings", "Kaur", "Lawson", "Mercer", "Nolan", "Okafor", "Patel", "Quinn",
        "Reyes", "Smith-Jones", "Turner",
    ),
    "german": (
        "Müller", "Weiß", "Schröder", "Böhm", "von Thalheim", "Krüger", "Jäger", "Lange",
    ),
    "french": (
        "Lefèvre", "Garçon", "d'Artois", "Moreau", "Béranger", "Noël",
    ),
    "iberian": (
        "Magalhães", "Núñez", "da Conceição", "Gonçalves", "Ibáñez", "Araújo",
    ),
    "polish": (
        "Wiśniewski", "Zając", "Kowalczyk", "Dąbrowska", "Szczęsny",
    ),
    "arabic": (
        "الحسن|alhassan", "منصور|mansour", "الخطيب|alkhatib", "حداد|haddad",
    ),
    "japanese": (
        "佐藤|sato", "鈴木|suzuki", "高橋|takahashi", "渡辺|watanabe", "小林|kobayashi",
        "中村|nakamura",
    ),
    "singaporean": (
        "Tan", "Lim", "Rahman", "Nair", "Wong", "Ong",
    ),
}  # fmt: skip
TITLES = (
    "Head of Operations", "IT Manager", "Finance Director", "Procurement Lead", "Data Analyst",
    "CTO", "Support Coordinator", "Systems Administrator", "Office Manager", "Legal Counsel",
    "Security Engineer", "Product Owner", "Accounts Payable", "VP Sales", None, "",
)  # fmt: skip
FREE_MAIL_HOSTS = ("gmail.com", "outlook.com", "yahoo.co.jp", "web.de", "yahoo.com", "gmx.net")
STREETS = (
    "Example Street", "Mill Lane", "Station Road", "Hauptstraße", "Rue de l'Église", "Harbour Row",
    "Sample Avenue", "Orchard Way",
)  # fmt: skip
