"""The fields that every product has a place for: the one table that all who use them read.

SQL, columns, keyword search, templates, recognition and evaluation take from here what they need
to know of a field. A new field is a line in `Product` and an entry here; a new name that feeds
give to a field is a word in its `aliases`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OWN = "our own name"
GOOGLE = "Google Merchant Center"
SCHEMA = "schema.org"
COMMON = "a common name"
LANGUAGES = (
    "German", "French", "Spanish", "Italian", "Dutch", "Swedish", "Danish", "Polish", "Portuguese",
)  # fmt: skip
"""Whose words are tried last, those of the source's own language before the others."""
CONVENTIONS = (OWN, GOOGLE, SCHEMA, COMMON)
"""Whose names are tried before whose; before all of them those of the platform, if it is told."""

ATTRIBUTES = "attributes"
"""The place for every other field, which is none of the known ones itself."""

_ATTRIBUTES_WEIGHT = 0.3

Kind = Literal["text", "number", "boolean"]
Look = Literal["letters", "stock", "address", "picture"]


@dataclass(frozen=True, slots=True)
class KnownField:
    """One field of `Product`.

    Attributes:
        name: as `Product` has it.
        kind: of its values in SQL and in the columns.
        several: it holds a tuple of them.
        optional: it may be None.
        keyword_weight: default weight in keyword search; None where its words are not searched.
        spelled: its words are short and well spelled: misspelt ones are set right by them.
        placeholder: a template may name it.
        needed: a record without it is no product.
        by_name: a column of its name is taken though its values do not look right.
        look: what some of its values look like; None for anything.
        rated: it says how well a product answers a query, and is shown to who rates that.
        sounds: parts of names of columns that may be it though they are not known.
        unlike: parts of names of columns that are none of it though they sound like it.
        aliases: for each convention or language the folded names, best first, with spaces between.
    """

    name: str
    kind: Kind = "text"
    several: bool = False
    optional: bool = True
    keyword_weight: float | None = None
    spelled: bool = False
    placeholder: bool = False
    needed: bool = False
    by_name: bool = False
    look: Look | None = None
    rated: bool = True
    sounds: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def names(self, convention: str) -> list[str]:
        """Return the folded names that a convention has for this field, best first."""
        own = self.name.replace("_", "") if convention == OWN else ""
        return self.aliases.get(convention, own).split()


KNOWN_FIELDS = (
    KnownField(
        "product_id",
        optional=False,
        needed=True,
        by_name=True,
        aliases={
            GOOGLE: "id",
            SCHEMA: "sku productid identifier",
            COMMON: (
                "asin itemid itemno itemnumber articleid articleno articlenumber artno productcode "
                "productno productnumber productsku itemsku uniqid uuid uid pid variantid docid "
                "itemcode listingid sellersku code"
            ),
            "German": (
                "artikelnummer artikelnr artikelno artnr art.nr produktnummer produktnr "
                "bestellnummer bestellnr sachnummer"
            ),
            "French": (
                "reference referenceproduit refproduit ref codearticle codeproduit numeroarticle "
                "idproduit"
            ),
            "Spanish": (
                "referencia referenciaproducto codigo codigoarticulo codigoproducto idproducto"
            ),
            "Italian": "codicearticolo codiceprodotto codice riferimento idprodotto",
            "Dutch": "artikelnummer artikelcode productnummer bestelnummer",
            "Swedish": "artikelnummer artnr artikelnr produktnummer",
            "Danish": "varenummer varenr produktnummer",
            "Polish": "kodproduktu symbol numerkatalogowy indeks idproduktu",
            "Portuguese": "codigo codigoproduto referencia idproduto",
        },
    ),
    KnownField(
        "title",
        optional=False,
        keyword_weight=1.3,
        spelled=True,
        placeholder=True,
        needed=True,
        by_name=True,
        look="letters",
        aliases={
            GOOGLE: "title",
            SCHEMA: "name",
            COMMON: (
                "producttitle productname itemname itemtitle displayname productdisplayname "
                "titleen nameen fulltitle fullname heading label product"
            ),
            "German": (
                "titel bezeichnung artikelbezeichnung artikelname produktname produktbezeichnung "
                "produkttitel benennung name artikel produkt"
            ),
            "French": (
                "titre nom nomproduit nomduproduit titreproduit designation libelle intitule "
                "article produit"
            ),
            "Spanish": (
                "titulo nombre nombreproducto nombredelproducto nombredelarticulo denominacion "
                "articulo producto"
            ),
            "Italian": "titolo nome nomeprodotto denominazione articolo prodotto",
            "Dutch": "titel naam productnaam producttitel artikelnaam benaming artikel",
            "Swedish": "titel namn produktnamn benamning artikelnamn artikelbenamning",
            "Danish": "titel navn produktnavn varenavn varebetegnelse",
            "Polish": "nazwa nazwaproduktu tytul",
            "Portuguese": "titulo nome nomeproduto nomedoproduto",
        },
    ),
    KnownField(
        "description",
        optional=False,
        keyword_weight=1.0,
        placeholder=True,
        sounds=("descri", "beschr", "omschrijv", "beskriv", "opis"),
        unlike=("meta", "seo"),
        aliases={
            COMMON: (
                "productdescription longdescription fulldescription descriptionhtml "
                "itemdescription bodyhtml body shortdescription productshortdescription summary "
                "overview details about text"
            ),
            "German": (
                "beschreibung produktbeschreibung artikelbeschreibung langbeschreibung langtext "
                "beschreibungstext kurzbeschreibung kurztext"
            ),
            "French": "descriptif descriptionproduit descriptionlongue descriptioncourte",
            "Spanish": "descripcion descripcionlarga descripcionproducto descripcioncorta",
            "Italian": "descrizione descrizionelunga descrizioneprodotto descrizionebreve",
            "Dutch": (
                "omschrijving beschrijving productomschrijving langeomschrijving korteomschrijving"
            ),
            "Swedish": "beskrivning produktbeskrivning langbeskrivning kortbeskrivning",
            "Danish": "beskrivelse produktbeskrivelse kortbeskrivelse",
            "Polish": "opis opisproduktu opisdlugi opiskrotki",
            "Portuguese": "descricao descricaoproduto descricaocurta",
        },
    ),
    KnownField(
        "brand",
        keyword_weight=0.5,
        spelled=True,
        placeholder=True,
        look="letters",
        aliases={
            SCHEMA: "brand.name manufacturer.name",
            COMMON: (
                "brandname productbrand manufacturer manufacturername vendor vendorname supplier "
                "suppliername maker make brands label marke"
            ),
            "German": "marke hersteller herstellername markenname lieferant",
            "French": "marque fabricant nommarque fournisseur",
            "Spanish": "marca fabricante proveedor",
            "Italian": "marca marchio produttore fornitore",
            "Dutch": "merk merknaam fabrikant leverancier",
            "Swedish": "marke varumarke tillverkare leverantor",
            "Danish": "maerke varemaerke producent fabrikant leverandor",
            "Polish": "marka producent",
            "Portuguese": "marca fabricante fornecedor",
        },
    ),
    KnownField(
        "category",
        keyword_weight=2.0,
        spelled=True,
        placeholder=True,
        look="letters",
        sounds=("categor", "kateg", "rubri", "warengruppe", "produktgruppe", "productgroup"),
        unlike=("meta", "seo", "link", "slug", "url"),
        aliases={
            GOOGLE: "producttype googleproductcategory",
            SCHEMA: "category.name",
            COMMON: (
                "categoryhierarchy categorypath categorytree productcategorytree categoryfull "
                "breadcrumbs breadcrumb categories productcategory taxonomy maincategory "
                "categoryname categories.name department productclass categoryid"
            ),
            "German": (
                "kategorie kategorien kategoriepfad warengruppe produktkategorie produktgruppe "
                "hauptkategorie produkttyp"
            ),
            "French": "categorie categories categorieproduit rayon famille",
            "Spanish": "categoria categorias familia",
            "Italian": "categoria categorie",
            "Dutch": "categorie categorieen productcategorie productgroep",
            "Swedish": "kategori kategorier varugrupp produktkategori",
            "Danish": "kategori kategorier varegruppe produktkategori",
            "Polish": "kategoria kategorie",
            "Portuguese": "categoria categorias",
        },
    ),
    KnownField(
        "price",
        kind="number",
        placeholder=True,
        by_name=True,
        aliases={
            SCHEMA: "offers.price offers.lowprice offers.pricespecification.price",
            COMMON: (
                "currentprice productprice sellingprice finalprice unitprice actualprice "
                "discountedprice regularprice listprice retailprice msrp pricecents priceincents "
                "price.amount price.value price.current variants.price standardprice "
                "pricetaxincluded pricetaxincl pricetaxexcluded pricetaxexcl saleprice"
            ),
            "German": (
                "preis verkaufspreis bruttopreis endpreis einzelpreis vk vkpreis vkbrutto "
                "ladenpreis uvp nettopreis preisnetto vknetto"
            ),
            "French": "prix prixttc prixdevente prixvente prixttcactuel prixunitaire prixht",
            "Spanish": "precio preciodeventa precioventa preciofinal pvp precioiva preciosiniva",
            "Italian": (
                "prezzo prezzodivendita prezzovendita prezzoalpubblico prezzofinale prezzonetto"
            ),
            "Dutch": "prijs verkoopprijs adviesprijs prijsexcl",
            "Swedish": "pris forsaljningspris utpris prisexkl",
            "Danish": "pris salgspris udsalgspris",
            "Polish": "cena cenabrutto cenasprzedazy cenanetto",
            "Portuguese": "preco precodevenda precovenda pvp",
        },
    ),
    KnownField(
        "currency",
        placeholder=True,
        look="letters",
        aliases={
            SCHEMA: "offers.pricecurrency offers.pricespecification.pricecurrency pricecurrency",
            COMMON: "currencycode price.currency price.currencycode",
            "German": "wahrung",
            "French": "devise monnaie",
            "Spanish": "moneda divisa",
            "Italian": "valuta",
            "Dutch": "valuta",
            "Swedish": "valuta",
            "Danish": "valuta",
            "Polish": "waluta",
            "Portuguese": "moeda",
        },
    ),
    KnownField(
        "in_stock",
        rated=False,
        kind="boolean",
        look="stock",
        aliases={
            GOOGLE: "availability",
            SCHEMA: "offers.availability",
            COMMON: (
                "isinstock available isavailable availabilitystatus stockstatus stock stocklevel "
                "stockquantity stockqty inventory inventoryquantity inventoryqty "
                "variants.inventoryquantity qty quantity"
            ),
            "German": (
                "bestand lagerbestand auflager verfugbarkeit verfugbar lieferbar lager lagermenge "
                "menge"
            ),
            "French": (
                "stockdisponible quantite quantiteenstock qteenstock qtestock enstock "
                "disponibilite disponible"
            ),
            "Spanish": "existencias cantidad disponibilidad enstock",
            "Italian": "giacenza quantita disponibilita disponibile magazzino",
            "Dutch": "voorraad opvoorraad voorraadstatus beschikbaarheid aantal",
            "Swedish": "lagersaldo ilager lagerstatus tillganglighet antal lagerantal",
            "Danish": "lagerbeholdning palager lagerantal antal",
            "Polish": "stan stanmagazynowy ilosc dostepnosc",
            "Portuguese": "estoque quantidade disponibilidade",
        },
    ),
    KnownField(
        "url",
        look="address",
        aliases={
            GOOGLE: "link",
            SCHEMA: "offers.url mainentityofpage",
            COMMON: "producturl pageurl canonicalurl permalink weburl itemurl href",
            "German": "produktlink produkturl artikellink deeplink",
            "French": "lien lienproduit urlproduit",
            "Spanish": "enlace enlaceproducto urlproducto",
            "Italian": "urlprodotto linkprodotto",
            "Dutch": "productlink",
            "Swedish": "produktlank lank",
            "Danish": "produktlink",
            "Polish": "adresurl linkdoproduktu",
            "Portuguese": "linkproduto urlproduto",
        },
    ),
    KnownField(
        "image_url",
        look="picture",
        sounds=(
            "image",
            "bild",
            "foto",
            "photo",
            "img",
            "afbeeld",
            "immagin",
            "imagen",
            "picture",
        ),
        unlike=("alt", "caption", "position"),
        aliases={
            GOOGLE: "imagelink",
            SCHEMA: "image image.url image.contenturl",
            COMMON: (
                "imageurls images imgurl mainimage mainimageurl primaryimage featuredimage img "
                "imghigh imglarge picture pictureurl photo images.url images.src imgmedium "
                "img500x500 imageurlhigh thumbnail thumbnailurl imglow imgthumb"
            ),
            "German": "bild bildurl bilder bildlink produktbild hauptbild artikelbild foto",
            "French": "imageproduit urlimage lienimage photoproduit visuel",
            "Spanish": "imagen imagenes urlimagen imagenprincipal foto",
            "Italian": "immagine immagini urlimmagine foto",
            "Dutch": "afbeelding afbeeldingen afbeeldingurl foto",
            "Swedish": "bild bilder bildlank produktbild",
            "Danish": "billede billeder billedurl produktbillede",
            "Polish": "zdjecie zdjecia obraz obrazek",
            "Portuguese": "imagem imagens urlimagem foto",
        },
    ),
    KnownField(
        "codes",
        rated=False,
        several=True,
        optional=False,
        by_name=True,
        aliases={
            GOOGLE: "gtin mpn",
            SCHEMA: "gtin13 gtin14 gtin12 gtin8 offers.sku",
            COMMON: (
                "gtin ean ean13 ean8 eancode upc upca upccode isbn isbn13 isbn10 barcode jan "
                "partnumber partno mfrpartnumber mfgpartnumber manufacturerpartnumber "
                "manufacturersku modelnumber modelno mfrpartno oemcode oempartnumber sku asin "
                "variants.sku variants.barcode gtinupceanorisbn upcean externalproductid "
                "globaltradenumber globaltradeitemnumber"
            ),
            "German": "eannummer herstellernummer herstellerartikelnummer teilenummer han",
            "French": "codebarres codebarre codeean referencefabricant referencefournisseur",
            "Spanish": "codigobarras codigodebarras codigoean referenciafabricante",
            "Italian": "codiceabarre codiceean codiceproduttore",
            "Dutch": "eancode streepjescode fabrikantcode",
            "Swedish": "streckkod eankod",
            "Danish": "stregkode eannummer",
            "Polish": "kodkreskowy kodean kodproducenta",
            "Portuguese": "codigodebarras codigoean",
        },
    ),
    KnownField(
        "group_id",
        rated=False,
        placeholder=True,
        by_name=True,
        aliases={
            GOOGLE: "itemgroupid",
            SCHEMA: "inproductgroupwithid isvariantof.productgroupid",
            COMMON: "parentid parentsku parentasin parent masterid groupcode variantgroup",
            "German": (
                "vaterartikel vaterartikelnummer elternartikel hauptartikel hauptartikelnummer "
                "variantengruppe"
            ),
            "French": "referenceparent produitparent",
            "Spanish": "referenciapadre productopadre",
            "Italian": "prodottopadre",
            "Dutch": "hoofdartikel",
        },
    ),
)

FIELD_NAMES = tuple(each.name for each in KNOWN_FIELDS)

SPELLED_FIELDS = tuple(each.name for each in KNOWN_FIELDS if each.spelled)

KEYWORD_WEIGHTS: Mapping[str, float] = {
    each.name: each.keyword_weight
    for each in sorted(KNOWN_FIELDS, key=lambda each: not each.spelled)
    if each.keyword_weight is not None
} | {ATTRIBUTES: _ATTRIBUTES_WEIGHT}
"""The fields that keyword search reads, with their default weights: names first, then prose.

The ledger's digests depend on this order.
"""
