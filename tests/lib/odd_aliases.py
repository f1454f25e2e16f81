"""Aliases of every kind: what a language quotes, expands or runs, in characters of every plane. Aliases are free text, so each is a name."""

ALIASES = [
    "plain-key_1.0",
    "it's", 'say "hi"', "`touch ran1`", "$(touch ran2)", "rel'; touch ran3; echo '", '"; touch ran4; "', "a && touch ran5", "a|touch ran6",
    "${HOME}", "$HOME", "${{ secrets.SM_API_KEY }}", "$(SM_API_KEY)", "$[[ inputs.x ]]", "%PATH%", "!PATH!", "^caret", "a & b", "<b>&amp;</b>", "]]><x/>",
    "two words", "tab\there", "new\nline", "back\\slash", "ends with\\", "semi;colon?type=private#x%41", "a,b", "a:b", "*", "?", "[a]", "~", "#hash", "@file", "@", "-", "-keystore", "--help",
    "0123456789", "Twin", "tWIN", "größe-ÜBER", "鍵ペア", "key😀", "\u00e9", "e\u0301", "‘quoted’", "a\u202eb", "\x1b[31mred", "::set-output name=x::y", "x ##vso[task.setvariable variable=p]q", "##[error]x",
    "x" * 300, "a" * 120 + "'" + "b" * 120,
]

# For pages: markup that runs a script where text is not escaped, in elements, attributes, URLs and embedded data.
MARKUP = [
    "<script>ran('script')</script>", "</script><script>ran('end')</script>", "<img src=x onerror=ran('image')>", "\"><svg onload=ran('svg')>", "' autofocus onfocus=ran('focus') x='",
    "javascript:ran('url')", "</title></style></textarea><script>ran('title')</script>", "<!--<script>", "]]><script>ran('data')</script>", "{{7*7}}${ran('template')}", "&lt;b&gt;&#60;b&#62;",
    "<a href=//evil.example/>", "<meta http-equiv=refresh content=0;url=//evil.example/>", "<style>*{background:url(//evil.example/)}</style>",
]
