"""Debian's documentation packages that the corpus is cut from, and the language of their pages."""

import re

# Manuals, books, reference pages and dictionaries of Debian 12, all from its free section. What
# comes in other languages than English stands apart so that its share can be chosen.
ENGLISH = """
    acl2-doc anarchism apache2-doc aptitude-doc-en bash-doc bible-kjv-text bind9-doc cargo-doc clang-16-doc
    clisp-doc cmake-doc cppreference-doc-en-html debian-faq debian-handbook debian-history
    debian-kernel-handbook debian-policy debian-reference-en debmake-doc developers-reference dict-foldoc
    dict-gcide dict-jargon dict-vera dict-wn exim4-doc-html fortunes fp-docs-3.2.2 git-doc glibc-doc
    gnome-user-docs guile-3.0-doc haproxy-doc installation-guide-amd64 libglib2.0-doc libgtk-3-doc
    libreoffice-help-en-us linux-doc-6.1 manpages manpages-dev nodejs-doc openjdk-17-doc perl-doc postfix-doc
    postgis-doc postgresql-doc-15 python-django-doc python3.11-doc r-doc-html rust-doc sbcl-doc sqlite3-doc
    swi-prolog-doc tcl8.6-doc tk8.6-doc tomcat10-docs vim-doc zsh-doc
""".split()

OTHERS = """
    debian-faq-zh-cn debian-reference-de debian-reference-es debian-reference-fr debian-reference-it
    debian-reference-ja debian-reference-pt debian-reference-zh-cn fortunes-de fortunes-es fortunes-it
    fortunes-pl fortunes-ru fortunes-zh libreoffice-help-cs libreoffice-help-de libreoffice-help-el
    libreoffice-help-es libreoffice-help-fr libreoffice-help-it libreoffice-help-ja libreoffice-help-ko
    libreoffice-help-nl libreoffice-help-pl libreoffice-help-pt-br libreoffice-help-ru libreoffice-help-sv
    libreoffice-help-tr libreoffice-help-zh-cn libreoffice-help-zh-tw lilypond-doc-html-de lilypond-doc-html-es
    lilypond-doc-html-fr lilypond-doc-html-ja maint-guide-zh-cn manpages-de manpages-es manpages-fr manpages-it
    manpages-ja manpages-pl manpages-pt-br manpages-ru manpages-zh
""".split()

# Large reference manuals, for the million of passages only.
LARGE = """
    ada-reference-manual-2020 crystal-doc db5.3-doc derby-doc dpdk-doc erlang-doc fop-doc gap-doc ghc-doc
    gnome-devel-docs groovy-doc imagemagick-6-doc lammps-doc lazarus-doc-2.2 libboost1.81-doc libgtk-4-doc
    libpcl-doc libssl-doc libstdc++-12-doc lilypond-doc-html llvm-16-doc maxima-doc octave-doc petsc3.18-doc
    pike8.0-doc python-astropy-doc python-dask-doc python-pandas-doc python-scipy-doc python-statsmodels-doc
    python-sympy-doc qt3d5-doc-html qtbase5-doc-html qtdeclarative5-doc-html racket-doc rdkit-doc rust-web-doc
    sagemath-doc scala-doc singular-doc twisted-doc uima-doc wx3.2-doc
""".split()

DOCUMENTS = ENGLISH + OTHERS
PASSAGES = ENGLISH + LARGE
# Of these the same pages exist in many languages.
TRANSLATED = ["debian-handbook", "gnome-user-docs", "manpages", "libreoffice-help-en-us", "debian-reference-en",
              *(name for name in OTHERS if not name.startswith(("fortunes", "maint", "debian-faq")))]

LANGUAGES = """
    ar bg bs ca cs da de el eo es et eu fa fi fr gl gu he hi hr hu id is it ja ka kk km kn ko lt lv mk ml mr
    nb ne nl nn no pa pl pt ro ru si sk sl sq sr sv ta te tg th tr ug uk vi zh
""".split()
_CODE = f"(?:{'|'.join(LANGUAGES)})"
_REGION = r"(?:[-_](?:[A-Za-z]{2}|[Hh]ans|[Hh]ant|latin))?"
# As a folder (`man/de/`, `zh-CN/`), before or after the ending (`index.fr.html`, `index.html.fr`).
_IN_PATH = re.compile(rf"/({_CODE}){_REGION}/|[._-]({_CODE}){_REGION}\.(?:html?|txt|pod)(?:\.gz)?$"
                      rf"|\.html\.({_CODE}){_REGION}(?:\.[\w-]+)?$")
_IN_NAME = re.compile(rf"-({_CODE})(?:-(?:cn|tw|br))?$")


def language_of(package, path):
    """The language of a page by its place; English where nothing else is said."""
    if found := _IN_PATH.search(path):
        return next(group for group in found.groups() if group)
    found = _IN_NAME.search(package) if package in OTHERS else None
    return found.group(1) if found else "en"
