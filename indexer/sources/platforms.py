"""The layouts of shop platforms and marketplaces: one table, data only.

`joining.py` acts on it. Names of columns are folded as `names.fold_name` does it, several stand
with spaces between, best first; "{n}" stands for a number, "*" for anything. A new platform is an
entry here; docs/import.md shows the table that is made of this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Pair:
    """Columns that hold an attribute's name and its value, numbered from one upwards.

    Attributes:
        name: columns of the name; the first that is filled gives it.
        value: column of the value.
        between: what stands between several values; empty where there is one.
        beside: further columns of the pair, which say nothing of the product.
    """

    name: str
    value: str
    between: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """A cell that holds several attributes, as a text or as a list of objects.

    Attributes:
        column: that holds them.
        form: pattern of one attribute, with the groups "name" and "value".
        between: pattern of what stands between two; quoted text is passed over.
        several: what stands between several values of one; empty where there is one.
        values: a further column, where names and values stand in one each.
        only: value of the join's kind that a row must have; empty for any.
    """

    column: str
    form: str = r"(?P<name>[^=]+)=(?P<value>.*)"
    between: str = ","
    several: str = ""
    values: str = ""
    only: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """A column that says whether a product is for sale.

    Attributes:
        column: that says it.
        why: folded value → in a word why a product with it is left out; "" is a value that is
            there and empty (JSON's null).
        unless_joined: it is asked only of what belongs to no parent.
    """

    column: str
    why: Mapping[str, str]
    unless_joined: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """How the rows of one product are put together.

    Attributes:
        how: "following": rows follow the first one of their product; "key": a variant names
            its parent, or the parent its variants, wherever they stand; "nested": the variants
            stand in a list within their product, whose name stays before those of their fields.
        key: columns that a product is named by; rows that follow share it.
        number: column of a product's number, which others name as "id:17" or 17.
        parent: column in which a variant names its parent.
        parent_number: column in which it names its parent by number.
        children: columns that list variants: keys with commas between, a packed text with
            `child` among the names, or nested objects.
        child: name of a variant's key within `children`; empty where they are keys alone.
        kind: column that says what a row is.
        heads: kinds of rows that begin a product.
        rows: kinds of rows that are variants.
        any_of: columns of which a row that follows fills one, unless it is a mere picture.
        picture: columns of pictures, which a row that is passed over may still give.
        overlay: column that is filled in rows for one store view only: they fill what is empty.
        everywhere: values of it that mean all store views.
        continued: rows without a key belong to the one above them.
    """

    how: Literal["following", "key", "nested"]
    key: str = ""
    number: str = ""
    parent: str = ""
    parent_number: str = ""
    children: str = ""
    child: str = ""
    kind: str = ""
    heads: str = ""
    rows: str = ""
    any_of: str = ""
    picture: str = ""
    overlay: str = ""
    everywhere: str = ""
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Categories:
    """A cell that lists paths of categories, of which the first is the product's.

    Attributes:
        between: what stands between two paths.
        level: what stands between two levels.
        roots: first levels that are above all categories of a shop and say nothing.
    """

    between: str = ","
    level: str = ">"
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Platform:
    """One layout.

    Attributes:
        name: as its makers write it, with the form where it has several.
        told: sets of columns; a source with all of one set is of this platform.
        columns: our field → its columns, tried before the names that are known in general.
        join: how rows are put together.
        pairs: attributes whose name and value stand in two columns.
        packed: attributes that stand in one cell.
        status: what says that a product is not for sale; also asked of its parent.
        own: columns that a variant never takes from its parent.
        noise: columns that say nothing of a product to a shopper.
        renamed: column → name of its attribute.
        suffix: pattern of what is cut off the names of columns.
        categories: how a cell of categories is read.
        lists: column → what stands between its values.
        zero: columns in which 0 means that there is nothing.
        instead: column → the one taken where it is empty.
        uncounted: column of a count → (column, its values) where the count says nothing.
        head_zero: columns in which it does in a row whose variants have values of their own.
        always: column of a count → further columns with the values, "" for empty, with which a
            product can be had whatever the count says.
        line_breaks: columns whose texts have a backslash and "n" for a line break.
        shared: column that names a product which has no id, and may name several.
        passing: columns that change while a product stays the same.
        sparse: our fields that most of its products lack.
        localised: columns end in "-locale", "-channel", "-currency"; "-unit" belongs to a number.
        translated: column → what it is called in other languages.
        left_out: pattern of what does not count in the names of columns.
    """

    name: str
    told: tuple[str, ...]
    columns: Mapping[str, str]
    join: Join | None = None
    pairs: tuple[Pair, ...] = ()
    packed: tuple[Packed, ...] = ()
    status: tuple[Status, ...] = ()
    own: str = ""
    noise: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    categories: Categories | None = None
    lists: Mapping[str, str] = field(default_factory=dict)
    zero: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    uncounted: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    head_zero: str = ""
    always: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    line_breaks: str = ""
    shared: str = ""
    passing: str = ""
    sparse: str = ""
    localised: bool = False
    translated: Mapping[str, str] = field(default_factory=dict)
    left_out: str = ""


_HIDDEN = {"hidden": "hidden"}
_OFF = {"0": "not published", "false": "not published", "no": "not published"}

_DISABLED = {"0": "disabled", "false": "disabled", "no": "disabled", "disabled": "disabled"}

_SHOPIFY_STATUS = {"draft": "draft", "archived": "archived", "unlisted": "hidden"}

_AMAZON_DELETE = (
    "delete", "delete_listing", "l\xf6schen", "entfernen", "suppression", "supprimer",
    "eliminar", "borrar", "elimina", "eliminare", "eliminazione", "verwijderen", "ta bort",
    "radera",
)  # fmt: skip

_GOOGLE_COLUMNS = {
    "product_id": "id",
    "title": "title structuredtitle.content",
    "description": "description structureddescription.content",
    "category": "producttype googleproductcategory fbproductcategory",
    "price": "price",
    "in_stock": "availability",
    "url": "link",
    "image_url": "imagelink",
    "codes": "gtin mpn",
    "group_id": "itemgroupid",
}
_GOOGLE_NOISE = (
    "shipping.* tax.* installment.* additionalimagelink adwords* identifierexists mobilelink "
    "excludeddestination includeddestination"
)

# In German, French, Spanish, Italian, Dutch and Swedish.
_WOOCOMMERCE = {
    "type": "typ tipo",
    "sku": "artikelnummer ugs cod",
    "gtinupceanorisbn": (
        "gtinupceanoderisbn gtinupceanouisbn gtinupceanoisbn gtinupceanofisbn gtinupceanellerisbn"
    ),
    "name": "nom nombre nome naam namn",
    "published": "veroffentlicht publie publicado pubblicato gepubliceerd publicerad",
    "isfeatured": ("isthervorgehoben misenavant estadestacado inprimopiano isuitgelicht arutvald"),
    "visibilityincatalog": (
        "sichtbarkeitimkatalog visibilitedanslecatalogue visibilidadenelcatalogo "
        "visibilitanelcatalogo zichtbaarheidincatalogus synlighetikatalog synlighetikatalogen"
    ),
    "shortdescription": (
        "kurzbeschreibung descriptioncourte descripcioncorta brevedescrizione "
        "kortebeschrijving kortbeskrivning"
    ),
    "description": "beschreibung descripcion descrizione beschrijving beskrivning",
    "datesalepricestarts": (
        "datumandemangebotspreisbeginnt datededebutdepromo diaenqueempiezaelpreciorebajado"
    ),
    "datesalepriceends": (
        "datumandemangebotspreisendet datedefindepromo diaenqueterminaelpreciorebajado"
    ),
    "taxstatus": "steuerstatus etatdelatva estadodelimpuesto belastingstatus momsstatus",
    "taxclass": "steuerklasse classedetva clasedeimpuesto belastingklasse momsklass",
    "instock": (
        "vorratig auflager enstock existencias hayexistencias eninventario opvoorraad ilager"
    ),
    "stock": "lager lagerbestand bestand inventario magazzino voorraad",
    "soldindividually": (
        "nureinzelnverkaufen vendreindividuellement vendidoindividualmente vendutosingolarmente"
    ),
    "allowcustomerreviews": (
        "kundenrezensionenerlauben autoriserlesavisclients permitirvaloracionesdeclientes "
        "permettilerecensionideiclienti klantbeoordelingentoestaan tillatkundrecensioner"
    ),
    "purchasenote": "hinweiszumkauf notedecommande notadecompra notadiacquisto",
    "saleprice": (
        "angebotspreis tarifpromo preciorebajado prezzoinofferta actieprijs aanbiedingsprijs "
        "reapris"
    ),
    "regularprice": (
        "regularerpreis tarifregulier precionormal prezzodilistino reguliereprijs normaleprijs "
        "ordinariepris"
    ),
    "categories": "kategorien categorias categorie categorieen kategorier",
    "tags": "schlagworter etiquettes etiquetas tag etiketter",
    "shippingclass": "versandklasse classedexpedition clasedeenvio classedispedizione "
    "verzendklasse fraktklass",
    "images": "bilder imagenes immagine immagini afbeeldingen",
    "parent": "ubergeordnet superior principal genitore hoofd overordnad",
    "groupedproducts": "gruppierteprodukte groupesdeproduits productosagrupados "
    "prodottiraggruppati gegroepeerdeproducten grupperadeprodukter",
    "upsells": "zusatzverkaufe produitssuggeres ventasdirigidas upsell merforsaljning",
    "crosssells": "querverkaufe ventescroisees ventascruzadas crosssell korsforsaljning",
    "externalurl": "externeurl urlexterne urlexterna urlesterno externurl",
    "buttontext": "buttontext libelledubouton textodelboton knoptekst knapptext",
    "position": "posicion posizione positie",
    "brands": "marken marques marcas marchi merken varumarken",
    "attribute{n}name": (
        "attribut{n}name nomdelattribut{n} nombredelatributo{n} nomedellattributo{n} "
        "attribuut{n}naam attribut{n}namn"
    ),
    "attribute{n}values": (
        "attribut{n}werte valeursdelattribut{n} valoresdelatributo{n} valoredellattributo{n} "
        "valoreidellattributo{n} valoridellattributo{n} attribuut{n}waarden attribut{n}varden"
    ),
    "attribute{n}visible": (
        "attribut{n}sichtbar attribut{n}visible atributovisible{n} atributo{n}visible "
        "attributo{n}visibile attribuut{n}zichtbaar attribut{n}synligt attribut{n}synlig"
    ),
    "attribute{n}global": (
        "attribut{n}global atributoglobal{n} atributo{n}global attributo{n}globale "
        "attribuut{n}globaal attribut{n}globalt"
    ),
    "attribute{n}default": (
        "attribut{n}standard attributpardefaut{n} attribut{n}pardefaut atributo{n}pordefecto "
        "attributo{n}predefinito attribuut{n}standaard"
    ),
}

# In French, German, Spanish and Italian.
_PRESTASHOP = {
    "productid": "idproduit produktid idproducto idprodotto",
    "active01": "actif01 aktiv01 activo01 attivo01",
    "name": "nom nombre nome",
    "categoriesxyz": "kategorienxyz categoriasxyz categoriexyz",
    "category": "categorie kategorie categoria",
    "pricetaxincluded": (
        "prixttc prixtaxesincluses preisinklmwst preisinklsteuern bruttopreis "
        "precioconiva precioimpuestosincluidos precioivaincluido "
        "prezzoivainclusa prezzotasseincluse prezzoconiva"
    ),
    "pricetaxexcluded": (
        "prixht prixhorstaxes preisohnesteuern preisexklmwst preiszzglmwst preisohnemwst "
        "nettopreis preciosiniva precioimpuestosexcluidos precioivaexcluido "
        "prezzoivaesclusa prezzotasseescluse"
    ),
    "taxrulesid": "idderegledetaxe idderegledetaxes idreglataxes idreglasdeimpuestos",
    "wholesaleprice": (
        "prixdachat prixdegros prixdachatht einkaufspreis grosshandelspreis preciodecoste "
        "preciodecompra precioalpormayor prezzodiacquisto prezzoallingrosso"
    ),
    "reference": (
        "referencen artikelnr artikelnummer referenz ndereferencia nodereferencia referencia "
        "nreferencia nriferimento ndiriferimento riferimento"
    ),
    "supplierreference": (
        "referencefournisseur referencefournisseurn lieferantenartikelnr referenciaproveedor "
        "riferimentofornitore"
    ),
    "supplier": "fournisseur lieferant proveedor fornitore",
    "brand": "marque marke marca marchio",
    "manufacturer": "fabricant hersteller fabricante produttore",
    "quantity": "quantite menge cantidad quantita",
    "minimalquantity": "quantiteminimale mindestmenge cantidadminima quantitaminima",
    "visibility": "visibilite sichtbarkeit visibilidad visibilita",
    "summary": "recapitulatif resume zusammenfassung kurzbeschreibung resumen riepilogo",
    "description": "beschreibung descripcion descrizione",
    "tagsxyz": "motsclesxyz tagsxyz etiquettesxyz etiquetasxyz tagxyz stichworterxyz",
    "metatitle": "metatitre balisetitre metatitel metatitulo metatitolo",
    "metakeywords": "metamotscles metaschlusselworter metapalabrasclave metaparolechiave",
    "metadescription": "metabeschreibung metadescripcion metadescrizione",
    "urlrewritten": "urlreecrite urlreescrita urlriscritto",
    "imageurlsxyz": (
        "urldesimagesxyz urlsdesimagesxyz bildurlsxyz urldelasimagenesxyz urlsdelasimagenesxyz "
        "urlsdeimagenesxyz urlimmaginixyz urldelleimmaginixyz"
    ),
    "featurenamevalueposition": (
        "caracteristiquenomvaleurposition eigenschaftnamewertposition "
        "caracteristicanombrevalorposicion funzionenomevaloreposizione"
    ),
    "featuresnamevalueposition": (
        "caracteristiquenomvaleurpositionpersonnalise caracteristiquenomvaleurpositionpersonnalisee"
    ),
    "status": "statut etat estado stato",
    "baseprice": "prixdebase basispreis preciobase prezzobase",
    "finalprice": "prixfinal endpreis preciofinal prezzofinale",
}

PLATFORMS: tuple[Platform, ...] = (
    Platform(
        "Shopify",
        told=(
            "handle title variantsku",
            "handle title variantprice",
            "urlhandle title sku",
            "urlhandle title price",
            "urlhandle title option1name",
        ),
        columns={
            "product_id": "variantsku sku handle urlhandle",
            "title": "title",
            "description": "bodyhtml description",
            "brand": "vendor",
            "category": "productcategory type",
            "price": "variantprice price",
            "in_stock": "variantinventoryqty inventoryquantity",
            "image_url": "variantimage variantimageurl imagesrc productimageurl",
            "codes": "variantbarcode barcode googleshoppingmpn",
            "group_id": "handle urlhandle",
        },
        join=Join(
            "following",
            key="handle urlhandle",
            any_of="variantsku variantprice variantbarcode sku price barcode option1value",
        ),
        pairs=(Pair("option{n}name", "option{n}value", beside="option{n}linkedto"),),
        status=(
            Status("status", _SHOPIFY_STATUS),
            Status("published", _OFF),
            Status("publishedononlinestore", _OFF),
        ),
        own=(
            "variantsku sku variantbarcode barcode variantprice price variantcompareatprice "
            "compareatprice variantinventoryqty inventoryquantity variantgrams weightvaluegrams "
            "variantimage variantimageurl unitprice* variantunitprice*"
        ),
        noise=(
            "variantinventorytracker variantfulfillmentservice variantinventorypolicy "
            "imageposition imagealttext imagesrc variantrequiresshipping varianttaxable "
            "varianttaxcode giftcard seotitle seodescription costperitem chargetax taxcode "
            "inventorytracker continuesellingwhenoutofstock weightunitfordisplay variantweightunit "
            "requiresshipping fulfillmentservice productimageurl unitprice* included* "
            "international*"
        ),
        renamed={"variantcompareatprice": "compare_at_price"},
        suffix=r"\s*\((?:product|variant)\.metafields\..*\)\s*$",
        zero="variantcompareatprice compareatprice",
        always={
            "variantinventoryqty": (
                ("variantinventorytracker", ""),
                ("variantinventorypolicy", "continue"),
            ),
            "inventoryquantity": (
                ("inventorytracker", ""),
                ("continuesellingwhenoutofstock", "true"),
                ("continuesellingwhenoutofstock", "continue"),
                ("continuesellingwhenoutofstock", "yes"),
            ),
        },
    ),
    Platform(
        "Shopify JSON",
        told=(
            "handle title variants bodyhtml",
            "handle title variants descriptionhtml",
            "handle title variants vendor",
        ),
        columns={
            "product_id": "variants.sku variants.id id",
            "title": "title",
            "description": "bodyhtml descriptionhtml description",
            "brand": "vendor",
            "category": "producttype type",
            "price": "variants.price",
            "in_stock": "variants.available variants.inventoryquantity",
            "image_url": (
                "variants.featuredimage.src variants.image.url image.src images.src "
                "featuredimage.url images.edges.node.url images.nodes.url images"
            ),
            "codes": "variants.barcode",
            "group_id": "handle",
        },
        join=Join("nested", key="handle", children="variants"),
        packed=(Packed("selectedoptions"),),
        status=(Status("status", _SHOPIFY_STATUS), Status("publishedat", {"": "not published"})),
        noise=(
            "id adminggraphqlapiid admingraphqlapiid createdat updatedat publishedat "
            "publishedscope templatesuffix image.* images.* media.* featuredimage.* variants.id "
            "variants.productid variants.title variants.position variants.createdat "
            "variants.updatedat variants.imageid variants.image.* variants.featuredimage.* "
            "variants.inventoryitemid variants.oldinventoryquantity variants.inventorymanagement "
            "variants.inventorypolicy variants.fulfillmentservice variants.requiresshipping "
            "variants.taxable variants.taxcode variants.admingraphqlapiid variants.weightunit "
            "variants.name variants.publictitle variants.featuredmedia.*"
        ),
        renamed={"variants.compareatprice": "compare_at_price", "variants.grams": "grams"},
        always={
            "variants.inventoryquantity": (
                ("variants.inventorymanagement", ""),
                ("variants.inventorypolicy", "continue"),
            ),
        },
        lists={"tags": ","},
    ),
    Platform(
        "WooCommerce REST",
        told=(
            "permalink regularprice stockstatus",
            "permalink catalogvisibility",
            "regularprice stockstatus attributes",
        ),
        columns={
            "product_id": "sku id",
            "title": "name",
            "description": "description",
            "brand": "brands",
            "category": "categories",
            "price": "regularprice",
            "in_stock": "stockstatus instock stockquantity",
            "url": "permalink",
            "image_url": "image.src images.src image images",
            "codes": "globaluniqueid",
        },
        join=Join(
            "key", key="sku", number="id", parent_number="parentid", kind="type", heads="variable"
        ),
        packed=(Packed("attributes"),),
        status=(
            Status(
                "status",
                {
                    "draft": "draft",
                    "pending": "draft",
                    "auto-draft": "draft",
                    "private": "private",
                    "future": "not published",
                    "trash": "deleted",
                },
            ),
            Status("catalogvisibility", _HIDDEN),
        ),
        own=(
            "id sku globaluniqueid slug permalink price regularprice saleprice onsale stockstatus "
            "instock stockquantity pricehtml status catalogvisibility datecreated* datemodified* "
            "variations type"
        ),
        noise=(
            "id slug type price parentid datecreated* datemodified* dateonsale* pricehtml "
            "purchasable totalsales virtual downloadable downloads* downloadlimit downloadexpiry "
            "externalurl buttontext taxstatus taxclass managestock stockquantity backorders* "
            "lowstockamount soldindividually shippingrequired shippingtaxable shippingclass "
            "shippingclassid reviewsallowed relatedids upsellids crosssellids purchasenote "
            "images.* image.* defaultattributes* variations* groupedproducts* menuorder metadata* "
            "links.* hasoptions postpassword"
        ),
        lists={"categories": "", "tags": "", "brands": ""},
        zero="saleprice",
        instead={"regularprice": "price", "description": "shortdescription"},
    ),
    Platform(
        "WooCommerce",
        told=(
            "type sku name visibilityincatalog",
            "type sku name instock regularprice",
            "type sku name published categories",
        ),
        columns={
            "product_id": "sku id",
            "title": "name",
            "description": "description",
            "brand": "brands brand",
            "category": "categories",
            "price": "regularprice",
            "in_stock": "instock stock",
            "url": "externalurl",
            "image_url": "images",
            "codes": "gtinupceanorisbn metaglobaluniqueid",
        },
        join=Join("key", key="sku", number="id", parent="parent", kind="type", heads="variable"),
        pairs=(
            Pair(
                "attribute{n}name",
                "attribute{n}values attribute{n}value",
                between=",",
                beside="attribute{n}visible attribute{n}global attribute{n}default",
            ),
        ),
        status=(
            Status(
                "published",
                {"-1": "draft", "0": "private", "false": "not published", "no": "not published"},
            ),
            Status("visibilityincatalog", _HIDDEN),
        ),
        own=(
            "id sku gtinupceanorisbn metaglobaluniqueid instock stock saleprice regularprice "
            "datesalepricestarts datesalepriceends published visibilityincatalog isfeatured"
        ),
        noise=(
            "id type datesalepricestarts datesalepriceends taxstatus taxclass lowstockamount "
            "backordersallowed soldindividually allowcustomerreviews purchasenote shippingclass "
            "downloadlimit downloadexpirydays download*name download*url download*id parent "
            "groupedproducts upsells crosssells buttontext position stock metawp* meta:_*"
        ),
        categories=Categories(),
        lists={"tags": ","},
        zero="saleprice",
        instead={"regularprice": "saleprice", "description": "shortdescription"},
        renamed={"saleprice": "sale_price"},
        sparse="url",
        line_breaks="description shortdescription",
        translated=_WOOCOMMERCE,
    ),
    Platform(
        "Magento 1",
        told=(
            "sku store attributeset type",
            "sku superproductssku",
            "sku simplesskus",
            "sku attributeset type visibility status",
        ),
        columns={
            "product_id": "sku",
            "title": "name",
            "description": "description",
            "category": "categories category",
            "price": "price",
            "in_stock": "isinstock qty",
            "image_url": "image smallimage thumbnail mediaimage",
        },
        join=Join(
            "key",
            key="sku",
            children="simplesskus superproductssku",
            kind="type",
            heads="configurable",
            overlay="store",
            everywhere="admin",
            continued=True,
        ),
        status=(
            Status("status", {**_DISABLED, "2": "disabled"}),
            Status(
                "visibility",
                {"not visible individually": "hidden", "1": "hidden"},
                unless_joined=True,
            ),
        ),
        own=(
            "sku price specialprice* qty isinstock urlkey urlpath weight visibility status type "
            "createdat updatedat configurableattributes super*"
        ),
        noise=(
            "store websites attributeset type productwebsites rootcategory status visibility qty "
            "cost taxclassid taxclassname urlkey urlpath meta* createdat updatedat hasoptions "
            "requiredoptions newsfromdate newstodate specialfromdate specialtodate "
            "optionscontainer customdesign* customlayout* pagelayout giftmessage* giftwrap* "
            "minimalprice msrp* image* smallimage* thumbnail* mediaimage* mediaattributeid "
            "medialabel mediaposition mediaisdisabled mediagallery gallery useconfig* isqtydecimal "
            "backorders min*qty max*qty minsaleqty notifystockqty managestock stockid "
            "stockstatuschanged* lowstockdate qtyincrements enableqtyincrements isdecimaldivided "
            "usesconfig* enablegooglecheckout isimported isrecurring recurringprofile links* "
            "associated* tierprice* groupprice* customoption* super* configurableattributes "
            "simplesskus"
        ),
        categories=Categories(
            between=";;", level="/", roots=("Default Category", "Root Catalog", "Default")
        ),
        zero="specialprice",
        head_zero="price",
        instead={"price": "specialprice", "description": "shortdescription"},
    ),
    Platform(
        "Magento",
        told=(
            "sku productonline",
            "sku storeviewcode",
            "sku attributesetcode producttype",
            "sku additionalattributes",
        ),
        columns={
            "product_id": "sku",
            "title": "name",
            "description": "description",
            "category": "categories",
            "price": "price",
            "in_stock": "isinstock qty",
            "image_url": "baseimage smallimage thumbnailimage",
        },
        join=Join(
            "key",
            key="sku",
            children="configurablevariations",
            child="sku",
            kind="producttype",
            heads="configurable",
            overlay="storeviewcode",
        ),
        packed=(Packed("additionalattributes", several="|"),),
        status=(
            Status("productonline", {**_DISABLED, "2": "disabled"}),
            Status(
                "visibility",
                {"not visible individually": "hidden", "1": "hidden"},
                unless_joined=True,
            ),
        ),
        own=(
            "sku price specialprice* qty isinstock urlkey weight visibility productonline "
            "producttype createdat updatedat configurablevariation*"
        ),
        noise=(
            "storeviewcode attributesetcode producttype productwebsites taxclassname urlkey "
            "metatitle metakeyword* metadescription createdat updatedat newfromdate newtodate "
            "specialpricefromdate specialpricetodate displayproductoptionsin mapprice mapenabled "
            "msrpdisplayactualpricetype giftmessageavailable customdesign* pagelayout "
            "productoptionscontainer customlayoutupdate countryofmanufacture* websiteid baseimage* "
            "smallimage* thumbnailimage* swatchimage* additionalimage* hidefromproductpage qty "
            "outofstockqty useconfig* isqtydecimal allowbackorders mincartqty maxcartqty "
            "notifyonstockbelow managestock qtyincrements enableqtyincrements isdecimaldivided "
            "deferredstockupdate related* crosssell* upsell* customoptions bundle* associatedskus "
            "configurablevariation* gift*"
        ),
        categories=Categories(level="/", roots=("Default Category", "Root Catalog")),
        zero="specialprice",
        head_zero="price",
        instead={"price": "specialprice", "description": "shortdescription"},
    ),
    Platform(
        "Magento REST",
        told=("sku typeid customattributes",),
        columns={
            "product_id": "sku id",
            "title": "name",
            "description": "description shortdescription",
            "brand": "manufacturer brand",
            "category": "category",
            "price": "price",
            "in_stock": "extensionattributes.stockitem.isinstock",
            "image_url": "image smallimage thumbnail",
        },
        packed=(Packed("customattributes"),),
        status=(Status("status", {"2": "disabled"}),),
        noise=(
            "id attributesetid typeid status visibility createdat updatedat extensionattributes.* "
            "productlinks* options* mediagallery* tierprices* urlkey urlpath meta* taxclassid "
            "optionscontainer hasoptions requiredoptions giftmessage* pagelayout customdesign* "
            "customlayout* cost image* smallimage* thumbnail* swatchimage* categoryids msrpdisplay*"
        ),
        zero="specialprice",
    ),
    Platform(
        "BigCommerce",
        told=("item id name sku options", "item name sku currentstock"),
        columns={
            "product_id": "sku id",
            "title": "name",
            "description": "description",
            "brand": "brandname brand",
            "category": "categorypath category",
            "price": "price",
            "in_stock": "currentstock",
            "url": "producturl",
            "image_url": "variantimageurl imageurlimport internalimageurlexport",
            "codes": "upcean globaltradenumber gtin manufacturerpartnumber mpn",
        },
        join=Join(
            "following",
            kind="item",
            heads="product",
            rows="variant sku",
            picture="imageurlimport internalimageurlexport",
        ),
        packed=(
            Packed(
                "options",
                form=r"(?:Type=[^|]*\|)?Name=(?P<name>[^|]+)\|Value=(?P<value>[^|\[]*).*",
                between=r"[;,\s]*(?=Type=)",
            ),
            Packed("customfields", between=";"),
        ),
        status=(Status("isvisible", {**_OFF, "n": "hidden", "false": "hidden", "0": "hidden"}),),
        own=(
            "id sku costprice currentstock lowstock upcean "
            "globaltradenumber manufacturerpartnumber variantimageurl weight item options"
        ),
        noise=(
            "item id type inventorytracking lowstock costprice brandid channels categories "
            "pagetitle metadescription metakeywords searchkeywords binpickingnumber freeshipping "
            "fixedshippingcost taxclass showproductcondition sortorder image* variantimageurl "
            "internalimageurlexport youtubeid video* isfeatured"
        ),
        zero="saleprice retailprice price",
        uncounted={"currentstock": ("inventorytracking", "variant none")},
    ),
    Platform(
        "BigCommerce (older export)",
        told=("itemtype productname productcodesku",),
        columns={
            "product_id": "productcodesku productid",
            "title": "productname",
            "description": "productdescription",
            "brand": "brandname brand",
            "category": "category categorystring",
            "price": "price",
            "in_stock": "currentstocklevel currentstock",
            "url": "producturl",
            "image_url": "productimageurl1 productimagefile1",
            "codes": "productupcean upcean globaltradeitemnumber gtin manufacturerpartnumber mpn",
        },
        join=Join("following", kind="itemtype", heads="product", rows="sku variant"),
        packed=(
            Packed(
                "productname", form=r"(?:\[\w+\])?(?P<name>[^=]+)=(?P<value>[^:]*).*", only="sku"
            ),
            Packed("productcustomfields", between=";"),
        ),
        status=(
            Status("productvisible", {"n": "hidden", "no": "hidden", "false": "hidden"}),
            Status("allowpurchases", {"n": "not for sale", "no": "not for sale"}),
        ),
        own=(
            "productid productcodesku costprice currentstocklevel "
            "currentstock lowstocklevel productupcean upcean productweight itemtype"
        ),
        noise=(
            "itemtype productid producttype binpickingnumber optionset* stockset costprice "
            "fixedshippingcost freeshipping productwarranty allowpurchases productvisible "
            "productavailability productinventoried trackinventory lowstocklevel currentstocklevel "
            "productimage* searchkeywords pagetitle metakeywords metadescription myobassetacct "
            "myobincomeacct myobexpenseacct showproductcondition eventdate* sortorder "
            "producttaxclass stopprocessingrules"
        ),
        categories=Categories(between=";", level="/"),
        zero="saleprice retailprice price",
        uncounted={"currentstocklevel": ("trackinventory", "none bysku byoption sku")},
    ),
    Platform(
        "PrestaShop combinations",
        told=("attributenametypeposition valuevalueposition",),
        columns={
            "product_id": "reference",
            "title": "name productname",
            "in_stock": "quantity",
            "image_url": "imageurlsxyz",
            "codes": "ean13 upc mpn",
            "group_id": "productreference productid",
        },
        packed=(
            Packed(
                "attributenametypeposition",
                form=r"(?P<name>[^:]+)(?P<value>)(?::.*)?",
                values="valuevalueposition",
            ),
        ),
        noise=(
            "productid supplierreference wholesaleprice impactonprice ecotax minimalquantity "
            "lowstocklevel impactonweight default* combinationavailabledate imagepositions* "
            "imageurls* imagealttexts* idnameofshop advancedstockmanagement dependsonstock "
            "warehouse"
        ),
    ),
    Platform(
        "PrestaShop",
        told=(
            "active01 name categoriesxyz",
            "active01 name reference",
            "productid name active01",
            "productid name reference pricetaxexcl",
            "id name reference pricetaxexcl status",
            "id name reference baseprice status",
        ),
        columns={
            "product_id": "reference productid id",
            "title": "name",
            "description": "description summary shortdescription",
            "brand": "manufacturer brand",
            "category": "categoriesxyz category",
            "price": (
                "pricetaxincluded pricetaxincl pricetaxexcludedorpricetaxincluded pricetaxexcluded "
                "pricetaxexcl finalprice baseprice"
            ),
            "in_stock": "quantity",
            "image_url": "imageurlsxyz image",
            "codes": "ean13 upc isbn mpn supplierreference",
        },
        packed=(
            Packed(
                "featurenamevalueposition",
                form=r"(?P<name>[^:]+):(?P<value>[^:]*)(?::.*)?",
            ),
            Packed(
                "featuresnamevalueposition",
                form=r"(?P<name>[^:]+):(?P<value>[^:]*)(?::.*)?",
            ),
        ),
        status=(
            Status("active01", _DISABLED),
            Status("status", _DISABLED),
            Status("availablefororder0no1yes", {"0": "not for sale"}),
            Status("visibility", {"none": "hidden"}),
        ),
        noise=(
            "productid id taxrulesid wholesaleprice costprice onsale01 discountfrom* discountto* "
            "ecotax minimalquantity lowstocklevel receivealowstockalert* additionalshippingcost "
            "metatitle metakeywords metadescription urlrewritten rewrittenurl textwhen* labelwhen* "
            "availablefororder* productavailabledate productavailabilitydate productcreationdate "
            "showprice* imageurls* imagealttexts* deleteexistingimages* availableonlineonly* "
            "customizable* uploadablefiles* textfields* outofstock* virtualproduct* fileurl "
            "numberofallowed* expirationdate numberofdays idnameofshop advancedstockmanagement "
            "dependsonstock warehouse accessories* position supplier"
        ),
        categories=Categories(
            between=",", level=">", roots=("Home", "Accueil", "Root", "Startseite", "Inicio")
        ),
        lists={"tagsxyz": ","},
        renamed={"tagsxyz": "tags"},
        zero="discountamount discountpercent",
        translated=_PRESTASHOP,
    ),
    Platform(
        "Etsy",
        told=(
            "title price currencycode quantity image1",
            "title price currencycode variation1type",
        ),
        columns={
            "product_id": "sku listingid title",
            "title": "title",
            "description": "description",
            "price": "price",
            "currency": "currencycode",
            "in_stock": "quantity",
            "image_url": "image1",
            "codes": "sku",
        },
        pairs=(
            Pair(
                "variation{n}name variation{n}type",
                "variation{n}values",
                between=",",
                beside="variation{n}name variation{n}type",
            ),
        ),
        shared="title",
        passing="price quantity currencycode sku title",
        noise="image* video*",
        lists={"tags": ",", "materials": ","},
    ),
    Platform(
        "Amazon flat file",
        told=(
            "itemsku itemname standardprice",
            "itemsku itemname feedproducttype",
            "itemsku itemname parentsku",
        ),
        columns={
            "product_id": "itemsku",
            "title": "itemname",
            "description": "productdescription",
            "brand": "brandname manufacturer",
            "category": "feedproducttype itemtype itemtypekeyword itemtypename",
            "price": "standardprice",
            "currency": "currency",
            "in_stock": "quantity",
            "image_url": "mainimageurl",
            "codes": "externalproductid partnumber modelnumber manufacturerpartnumber",
        },
        join=Join(
            "key",
            key="itemsku",
            parent="parentsku",
            kind="parentchild",
            heads="parent \xfcbergeordnet",
        ),
        status=(
            Status(
                "updatedelete",
                dict.fromkeys(_AMAZON_DELETE, "deleted"),
            ),
        ),
        own=(
            "itemsku externalproductid externalproductidtype standardprice listprice saleprice* "
            "quantity parentchild parentsku relationshiptype updatedelete mainimageurl partnumber"
        ),
        noise=(
            "parentchild parentsku relationshiptype variationtheme externalproductidtype "
            "updatedelete otherimageurl* swatchimageurl fulfillment* merchantshippinggroupname "
            "producttaxcode saleenddate salefromdate recommendedbrowsenodes browsenodes "
            "conditiontype maxaggregateshipquantity batteries* supplierdeclareddgh*"
        ),
        lists={"bulletpoint{n}": "bullet_points", "generickeywords{n}": "keywords"},
        zero="saleprice",
        instead={"standardprice": "listprice"},
    ),
    Platform(
        "Amazon template",
        told=("contributionsku itemname", "contributionsku producttype"),
        columns={
            "product_id": "contributionsku",
            "title": "itemname",
            "description": "productdescription",
            "brand": "brand manufacturer",
            "category": "producttype itemtypekeyword",
            "price": (
                "purchasableoffer.ourprice.schedule.valuewithtax listprice.valuewithtax listprice"
            ),
            "currency": "purchasableoffer.currency listprice.currency",
            "in_stock": "fulfillmentavailability.quantity",
            "image_url": "mainproductimagelocator.medialocation",
            "codes": (
                "amzn1.volt.ca.productidvalue externallyassignedproductidentifier partnumber "
                "modelnumber merchantsuggestedasin"
            ),
        },
        join=Join(
            "key",
            key="contributionsku",
            parent="childparentskurelationship.parentsku",
            kind="parentagelevel",
            heads="parent \xfcbergeordnet",
        ),
        status=(Status("recordaction", dict.fromkeys(_AMAZON_DELETE, "deleted")),),
        own=(
            "contributionsku amzn1* externallyassigned* purchasableoffer* listprice* "
            "fulfillmentavailability* parentagelevel childparentskurelationship* recordaction "
            "mainproductimagelocator* partnumber merchantsuggestedasin"
        ),
        noise=(
            "parentagelevel childparentskurelationship* variationtheme* "
            "amzn1.volt.ca.productidtype externallyassignedproductidentifier.type "
            "otherproductimagelocator* swatchproductimagelocator* mainproductimagelocator* "
            "fulfillmentavailability* purchasableoffer* merchantshippinggroup* producttaxcode "
            "recommendedbrowsenodes* conditiontype maxorderquantity batteries* "
            "supplierdeclareddg* recordaction listprice.currency skipoffer"
        ),
        lists={"bulletpoint{n}": "bullet_points", "generickeyword{n}": "keywords"},
        left_out=r"\[[^\]]*\]|#1(?![0-9])|\.value$|^::",
    ),
    Platform(
        "Amazon listings report",
        told=("itemname sellersku listingid", "itemname sellersku asin1"),
        columns={
            "product_id": "sellersku",
            "title": "itemname",
            "description": "itemdescription",
            "price": "price",
            "in_stock": "quantity",
            "image_url": "imageurl",
            "codes": "productid asin1",
        },
        status=(Status("status", {"inactive": "inactive", "incomplete": "draft"}),),
        noise=(
            "listingid opendate itemismarketplace productidtype zshop* itemnote itemcondition "
            "willshipinternationally expeditedshipping bidforfeaturedplacement adddelete "
            "pendingquantity fulfillmentchannel merchantshippinggroup asin2 asin3 imageurl"
        ),
    ),
    Platform(
        "Meta catalogue",
        told=(
            "id title additionalvariantattribute",
            "id title fbproductcategory",
            "id title quantitytosellonfacebook",
            "id title availability condition visibility",
            "id title availability condition status",
        ),
        columns={
            **_GOOGLE_COLUMNS,
            "in_stock": "availability quantitytosellonfacebook inventory",
            "image_url": "imagelink image.url image",
        },
        packed=(
            Packed("additionalvariantattribute", form=r"(?P<name>[^:=]+)[:=](?P<value>.*)"),
            Packed("additionalvariantattributes", form=r"(?P<name>[^:=]+)[:=](?P<value>.*)"),
        ),
        status=(
            Status(
                "visibility",
                {"hidden": "hidden", "staging": "hidden", "whitelist_only": "hidden"},
            ),
            Status("status", {"archived": "archived", "inactive": "inactive", "draft": "draft"}),
        ),
        left_out=r"\[0\]",
        noise=f"{_GOOGLE_NOISE} image.* additionalimage* videolink video.* shipping",
    ),
    Platform(
        "Google Merchant Center",
        told=("id title link imagelink", "id title link availability", "id title imagelink price"),
        columns=_GOOGLE_COLUMNS,
        packed=(
            Packed(
                "productdetail",
                form=r"(?:[^:]*:(?=[^:]+:))?(?P<name>[^:]+):(?P<value>.*)",
            ),
        ),
        noise=_GOOGLE_NOISE,
    ),
    Platform(
        "Heureka",
        told=(
            "itemid productname pricevat",
            "itemid productname categorytext",
            "itemid product pricevat",
        ),
        columns={
            "product_id": "itemid",
            "title": "productname",
            "description": "description",
            "brand": "manufacturer",
            "category": "categorytext",
            "price": "pricevat",
            "url": "url",
            "image_url": "imgurl",
            "codes": "ean isbn productno",
            "group_id": "itemgroupid",
        },
        packed=(Packed("param"),),
        noise="imgurlalternative videourl delivery* heurekacpc accessory giftid extendedwarranty*",
        categories=Categories(
            between=r"\n", level="|", roots=("Heureka.cz", "Heureka.sk", "Zbo\u017e\xed.cz")
        ),
    ),
    Platform(
        "Akeneo",
        told=(
            "sku family enabled",
            "sku family categories",
            "identifier family enabled",
            "uuid family enabled",
            "code familyvariant",
        ),
        columns={
            "product_id": "sku identifier code uuid",
            "title": "name label title productname",
            "description": "description shortdescription",
            "brand": "brand manufacturer",
            "category": "categories family",
            "price": "price",
            "currency": "pricecurrency",
            "image_url": "image picture mainimage",
            "codes": "ean gtin upc",
        },
        join=Join("key", key="sku identifier code uuid", parent="parent", heads=""),
        status=(Status("enabled", _DISABLED),),
        own="sku identifier code uuid enabled parent familyvariant ean gtin upc",
        noise=(
            "uuid familyvariant groups parent *-products *-groups *-product_models *-product_uuids "
            "qualityscore* created updated"
        ),
        categories=Categories(between=",", level=">"),
        localised=True,
    ),
    Platform(
        "Shopware 6",
        told=("productnumber parentid pricegross", "productnumber pricegross active"),
        columns={
            "product_id": "productnumber id",
            "title": "name",
            "description": "description",
            "brand": "manufacturername",
            "category": "categorynames categorypath",
            "price": "pricegross",
            "in_stock": "stock",
            "image_url": "covermediaurl",
            "codes": "ean manufacturernumber",
        },
        join=Join("key", key="productnumber", number="id", parent_number="parentid"),
        status=(Status("active", _DISABLED),),
        own="id parentid productnumber stock ean manufacturernumber active",
        noise=(
            "id parentid taxid taxrate taxname pricenet purchaseprices* covermedia* manufacturerid "
            "categories saleschannel* propertyids optionids"
        ),
        categories=Categories(between="|"),
    ),
)
"""Those told by more stand before those told by less."""
