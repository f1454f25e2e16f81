"""Writes the smallest PDF document with a page: blank_pdf.py FILE. The table of places is computed."""
import sys

objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
           b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Resources<<>>/Contents 4 0 R>>",
           b"<</Length 20>>stream\n0 0 m 100 100 l S   \nendstream"]
out, places = b"%PDF-1.7\n", []
for number, body in enumerate(objects, 1):
    places.append(len(out))
    out += b"%d 0 obj" % number + body + b"endobj\n"
start = len(out)
table = b"".join(b"%010d 00000 n \n" % place for place in places)
out += b"xref\n0 5\n0000000000 65535 f \n" + table + b"trailer<</Size 5/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
open(sys.argv[1], "wb").write(out)
