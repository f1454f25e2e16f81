#!/usr/bin/env bash
# what: the pages that the project serves and writes, in a real browser at three widths
# not in a root: the browser and its libraries are larger than all clients together, and the pages are the same everywhere
# needs: chromium chromium
# needs: chromedriver chromium-driver
# needs: file:/usr/lib/python3/dist-packages/selenium python3-selenium
# needs: curl curl
# needs: jq jq
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
exec "$(dirname "$0")/../browser/run"
