"""Texts of the kind that shops hold, for finding ranges and for checking what was compiled."""

TYPICAL_TEXTS = (
    "wireless mouse",
    "red running shoes size 43",
    "TN-2110",
    "waterproof jacket women",
    "usb c charger 65w",
    "HP 80 Original Cyan. HP. 175-ml ink cartridge for DesignJet 1000 series printers",
    "Logitech MX Master 3S. Logitech. Wireless performance mouse, 8000 dpi, quiet clicks, graphite",
    'Dell Latitude 5440. Dell. 14" FHD, Intel Core i5-1345U, 16 GB DDR4, 512 GB SSD, Windows '
    "11 Pro",
    'Samsung 55QN90C. Samsung. 139.7 cm (55") Neo QLED 4K smart TV, 120 Hz, HDMI 2.1 x 4, Wi-Fi',
    "Kingston DataTraveler 64GB. Kingston. USB 3.2 Gen 1 flash drive, read up to 100 MB/s",
    "Cat6 U/UTP patch cable, 2 m, grey, RJ-45 to RJ-45, 24 AWG, LSZH, pack of 10",
    "Canon PIXMA TS5350. Canon. Inkjet A4 4800 x 1200 DPI Wi-Fi all-in-one printer, black",
    "Xerox 106R03532 toner cartridge 1 pc(s) original yellow for VersaLink C400 / C405, 8000 pages",
    "Epson EB-FH52 data projector 4000 ANSI lumens 3LCD 1080p (1920x1080) white",
    "APC Back-UPS Pro 1200VA 720W line-interactive, AVR, LCD, 8 outlets",
    "Cisco Catalyst 9200L 24-port PoE+ managed L3 Gigabit Ethernet (10/100/1000) grey",
    "Bosch Professional GSR 18V-55 cordless drill driver, 55 Nm, two 4.0 Ah batteries, L-Boxx",
    "Philips Series 3300 EP3321 espresso machine, 5 drinks, LatteGo off, touch display, black matt",
    "Le Creuset cast iron casserole 24 cm, volcanic orange, suitable for all hobs incl. induction",
    "Women's waterproof hiking jacket with adjustable hood, taped seams and pit zips, navy, size M",
    "Men's cotton piqué polo shirt, short sleeve, regular fit, machine washable at 40 °C, white",
    "Children's wooden railway set, 100 pieces, compatible with other brands, from 3 years",
    "Solid oak dining table, extendable 160-220 x 90 cm, seats eight, oiled finish, made in Europe",
    "Ceramic plant pot with drainage hole and saucer, 18 cm, terracotta colour, for indoor use",
    'Garden hose 30 m 1/2", anti-kink, with spray gun and tap connectors, 24 bar burst pressure',
    "Vitamin D3 2000 IU, 180 vegetarian capsules, high strength, six months' supply, gluten free",
    "Moisturising face cream with hyaluronic acid and SPF 30, fragrance free, 50 ml, for dry skin",
    "Yoga mat 183 x 61 x 0.6 cm, non-slip natural rubber, with carrying strap, sage green",
    'Mountain bike 29", aluminium frame, hydraulic disc brakes, 1x12 speed, 120 mm fork, size L',
    "Dog bed with orthopaedic memory foam and washable cover, 90 x 70 cm, grey, for large dogs",
    "Notebook A5 dotted 120 g/m², 192 numbered pages, hard cover, elastic band, two ribbons",
    "The Hobbit, paperback, 310 pages, illustrated by the author, ISBN 978-0-261-10334-4",
    "Acoustic guitar, spruce top, mahogany back and sides, 41 inch, with gig bag and tuner",
    "Noise-cancelling over-ear headphones, Bluetooth 5.2, 30 h battery, USB-C, foldable, midnight",
    "Cuffie Bluetooth senza fili con cancellazione del rumore, autonomia 30 ore, nere",
    "Kaffeevollautomat mit Milchschaumdüse, 1,8 l Wassertank, 15 bar, Edelstahl, leicht zu "
    "reinigen",
    "Chaussures de randonnée imperméables pour homme, tige en cuir, semelle Vibram, pointure 44",
    "Zapatillas deportivas de mujer, suela de goma antideslizante, transpirables, talla 38, rosa",
    "无线鼠标 2.4G 静音 办公 笔记本电脑 通用 黑色",
    "Беспроводная мышь, 2.4 ГГц, тихие клики, чёрная",
    "Was £49.99 now £29.99!!! *** BEST PRICE *** free shipping & returns | 100% genuine",
    "0882780756328 C4872A 8717163953556 LC-3219XL 920-005789",
    "ThinkPad X1 Carbon Gen 11 ultrabook for business: 14 inch 2.8K OLED display, Intel Core "
    "i7-1365U vPro, 32 GB LPDDR5 memory soldered, 1 TB PCIe 4.0 solid-state drive, two "
    "Thunderbolt 4 ports, two USB-A 3.2 ports, HDMI 2.1, headphone and microphone combo jack,"
    " fingerprint reader, infrared camera with privacy shutter, backlit keyboard, TrackPoint,"
    " 57 Wh battery with rapid charge to 80 percent in an hour, Wi-Fi 6E, Bluetooth 5.1, "
    "optional 5G, carbon fibre top cover, weight from 1.12 kg, three years on-site warranty, "
    "Windows 11 Pro preinstalled, deep black",
    "Energy efficient fridge freezer with a total capacity of 366 litres, of which 103 litres"
    " are in three freezer drawers. No Frost spares you defrosting; the fresh zone close to "
    "zero degrees keeps vegetables crisp up to twice as long. Door hinge on the right, "
    "reversible; LED light; 35 dB(A); climate class SN-T; annual consumption 171 kWh; height "
    "203 cm, width 60 cm, depth 66.5 cm; inverter compressor with a ten-year guarantee on the"
    " motor. Delivered to the room of your choice; we take your old appliance with us and "
    "recycle it free of charge when you order it beforehand.",
)
