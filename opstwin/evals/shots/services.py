"""The services of the labelled set, a line for each. Nothing but data."""

from typing import Final

STORES: Final = {
    "postgres": ("postgres:17.2", 5432), "mysql": ("mysql:8.4.3", 3306), "mariadb": ("mariadb:11.4.4", 3306),
    "mongo": ("mongo:8.0.4", 27017), "redis": ("redis:7.4.1", 6379), "valkey": ("valkey/valkey:8.0.1", 6379),
    "memcached": ("memcached:1.6.32", 11211),
}  # fmt: skip

TABLE: Final = """
gallery-web    web    node   en held    3000 /healthz         180  120
coupon-web     web    node   ko -       3000 /health          150  110
survey-web     web    python ko starved 8000 /health/         240  140
events-web     web    python en -       8000 /healthz         210  150
status-web     web    go     en broken  8080 /ready           40   60
map-web        web    go     ko -       8080 /healthz         55   80
staff-web      web    java   ko moved   8080 /actuator/health 620  380
claims-web     web    java   en -       8080 /actuator/health 560  400
cart-api       api    node   ko quiet   8080 /healthz         170  230
chat-api       api    node   en -       8080 /health          190  260
search-api     api    python en starved 8000 /health          300  190
review-api     api    python ko -       8000 /healthz         160  170
login-api      api    go     ko broken  8080 /livez           64   110
geo-api        api    go     en -       8080 /healthz         48   90
invoice-api    api    java   en moved   8080 /q/health        700  450
stock-api      api    java   ko -       8080 /actuator/health 640  480
alert-worker   worker node   en quiet   0    -                140  90
mail-worker    worker node   ko -       0    -                120  70
picture-worker worker python ko starved 0    -                420  600
report-worker  worker python en -       0    -                350  500
parcel-worker  worker go     en broken  0    -                52   45
upload-worker  worker go     ko -       0    -                70   80
video-worker   worker java   ko moved   0    -                980  900
index-worker   worker java   en -       0    -                760  700
order-db       db     postgres  en held    1 - 610  310
member-db      db     mysql     ko -       1 - 720  280
blog-db        db     mariadb   ko quiet   1 - 540  220
game-db        db     mongo     en -       1 - 830  350
login-cache    cache  redis     ko broken  1 - 240  60
price-cache    cache  valkey    en -       1 - 180  50
basket-cache   cache  memcached en held    1 - 110  40
score-cache    cache  redis     ko -       1 - 200  55
museum-web     web    node   ko quiet   3000 /healthz         210  140
bakery-web     web    node   en -       8080 /health          130  100
school-web     web    python en held    8000 /healthz         260  150
clinic-web     web    python ko -       8000 /health/         200  130
garage-web     web    go     ko moved   8080 /healthz         46   70
harbour-web    web    go     en -       8080 /ready           60   75
notary-web     web    java   en starved 8080 /actuator/health 590  410
senate-web     web    java   ko -       8080 /actuator/health 640  390
badge-api      api    node   en broken  8080 /healthz         150  210
label-api      api    node   ko -       3000 /health          180  240
audit-api      api    python ko moved   8000 /health          280  180
crowd-api      api    python en -       8000 /healthz         190  160
token-api      api    go     en quiet   8080 /livez           72   120
sensor-api     api    go     ko -       8080 /healthz         50   85
ledger-api     api    java   ko held    8080 /q/health        660  430
policy-api     api    java   en -       8080 /actuator/health 720  470
digest-worker  worker node   ko starved 0    -                160  110
feed-worker    worker node   en -       0    -                130  80
match-worker   worker python en quiet   0    -                380  540
purge-worker   worker python ko -       0    -                310  460
relay-worker   worker go     ko held    0    -                58   50
clone-worker   worker go     en -       0    -                66   70
print-worker   worker java   en broken  0    -                840  760
merge-worker   worker java   ko -       0    -                900  820
ticket-db      db     postgres  ko moved   1 - 580  290
survey-db      db     mysql     en -       1 - 690  260
invoice-db     db     mysql     en held    1 - 760  300
archive-db     db     mongo     ko -       1 - 870  370
map-cache      cache  redis     en quiet   1 - 220  60
page-cache     cache  valkey    ko -       1 - 170  45
menu-cache     cache  memcached ko starved 1 - 120  40
route-cache    cache  valkey    en -       1 - 210  55
"""
"""Name, purpose, language (of stores the image), speech, lesson, port (of stores the image's own), page, MiB at peak,
millicores at the 95th percentile."""
