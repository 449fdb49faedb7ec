"""Parses XML and broken HTML, finds by XPath and CSS, transforms by XSLT, validates by schema."""

from io import BytesIO

from lxml import etree, html

shop = etree.fromstring(
    b'<shop xmlns:p="urn:p"><p:item price="3">caf\xc3\xa9</p:item><p:item price="5">tea</p:item></shop>'
)
assert shop.xpath("sum(//p:item/@price)", namespaces={"p": "urn:p"}) == 8
assert shop[0].text == "café"

sheet = etree.XSLT(
    etree.XML(
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
        '<ul><xsl:for-each select="shop/*"><li><xsl:value-of select="."/></li></xsl:for-each></ul>'
        "</xsl:template></xsl:stylesheet>"
    )
)
assert [item.text for item in sheet(shop).getroot()] == ["café", "tea"]

schema = etree.XMLSchema(
    etree.XML(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="age" type="xs:int"/></xs:schema>'
    )
)
assert schema.validate(etree.XML("<age>7</age>"))
assert not schema.validate(etree.XML("<age>seven</age>"))

page = html.fromstring("<p>one<p>two <a href='/x?a=1&b=2'>link</a>")
page.make_links_absolute("https://example.org/")
assert page.xpath("//a/@href") == ["https://example.org/x?a=1&b=2"]

many = BytesIO(b"<rows>" + b"<row/>" * 10**5 + b"</rows>")
assert sum(1 for _ in etree.iterparse(many, tag="row")) == 10**5
assert etree.tostring(shop, method="c14n").endswith(b"</shop>")
