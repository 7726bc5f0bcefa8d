"""Writes golden.jsonl: what DataTrove's English tokenizer makes of hard texts.

Each line holds a text, its words (`word_tokenize`), its sentences (`sent_tokenize`) and the
number of sentences the C4 filter counts in it (`len(split_into_sentences(text))`).

    pip install datatrove==0.10.1 spacy==3.8.18
    python make.py > golden.jsonl
"""

import json
import random

from datatrove.utils.text import split_into_sentences
from datatrove.utils.word_tokenizers import load_word_tokenizer

HAND = r"""
The quick brown fox jumps over the lazy dog.
Hello, world! How are you? I'm fine... thanks.
She said, "It's 5 o'clock." Then (quietly) she left.
“Don’t,” he said, ‘it isn’t ours.’ They’d’ve known!
I can't, won't, shan't and couldn't've; y'all'd've seen. Cannot gonna gotta lemme.
dont cant wont im ive youre theyre its Its ill Ill well were shell hell id Id
The dogs' bones, the dog's bone, James's hat, the '90s, rock 'n' roll, 'cause 'em 'tis
Visit https://www.example.com/a/b?c=d&e=f#g, http://example.org. or www.example.co.uk/x.
(see https://en.wikipedia.org/wiki/Foo_(bar)) <http://a.b.com> [http://x.org/y].
ftp://user:pass@ftp.example.com:2121/pub svn+ssh://host.name/p s3://bucket.name/key file:///etc/x
Mail jane.doe+tag@example.com, <bob@example.org>; mailto:me@site.net! a@b.c @user foo@bar
8.8.8.8 10.0.0.1 127.0.0.1 192.168.1.1 172.16.0.1 172.32.0.1 255.255.255.255 1.2.3 1.2.3.4.5
8.8.8.8:53 8.8.8.8/24 http://8.8.8.8:8080/x 223.1.1.254 224.1.1.1 1.1.1.255 0.1.1.1 1.01.001.1
example.com example.com:80 example.com:8 example.com:123456 example.com? example.com?q#f
foo.Bar foo.bar Foo.bar FOO.BAR foo.b foo.b1 a.b.c.d e.g.x -foo.com foo-.com foo_.com _foo.com
sub-domain.my_site.example.museum/path/(x) user@sub.example.travel:8080/index.html?x=1&y=2
Mr. Smith, Dr. Jones and Prof. Lee met at 5 p.m. on Jan. 3rd in St. Louis, Mo. vs. D.C.
e.g. this, i.e. that, etc. and so on; cf. Fig. 3 (e.g., here) [i.e., there] "Inc." (U.S.A.)
U.S. U.S.A. N.Y. N.Y.C. Ph.D. M.D. a.m. p.m. A.M. P.M. B.C. No. 5 Vol. 2 pp. 3-5
It was 9am, 10pm, 11a.m., 12p.m. and 13pm. At 5:30 p.m. or 17:30h.
It weighs 5kg, 10 km/h, 3.5mm² and 12m³; 40% of 16GB at 5mph, 100°C. 98.6°F, 20 °C.
5°c. 7K. 3T 4G 5M 10in 6ft 7lb 8oz 9yd 10mb 11km² 12mbar 13hPa 14Pa 15kmh 16m/s 17nm 18µg 19ha
It costs $5, US$10, C$3, A$7.50, £4, €5, 6€, 7$, 8US$, ¥100, ₹500, 5₿ $1,000.00 5% %5 $.50
a+b a-b a*b a^b a/b a=b a<b a>b a:b 1+2 1-2 1*2 1^2 1/2 1=2 1:2 +5 5+ + ++ C++ c++ +x x+
well-known mother-in-law 10-year-old 2020-01-02 01/02/2020 A-1 1-A x--y x---y x----y x – y x—y
a,b a, b 1,000 1,a a,1 one,two,three x;y x,,y a.b A.b a.B A.B "a".B a."B
ellipsis... and….. more…… dots.... .. ... . .... a..b a...B ...a ..5 …x x… x…y ……
Wait!! What?! No!? Yes?? !!! ??? ?! !important ?x !x
:) :-) ;) :( :D :P xD XD <3 </3 ^_^ o_O O.o -_- >.< ¯\(ツ)/¯ (╯°□°）╯︵┻━┻ ಠ_ಠ (ಠ_ಠ) ><(((*>
Nice :), (really :D) done:) ok:-) x:( 8-) =) (: hm:/ http:// :// :/ : ) : ( ( : - )
Price:$5 (approx.) [1] [12] {x} {{y}} <b>bold</b> <br/> &amp; &nbsp; #hashtag #1 @me
def f(x): return x[0] + y.z(1, "a") # comment
for (int i=0;i<n;++i){a[i]=b[i]*c;} /* end */ // x
std::vector<std::string> v; v.push_back("x"); foo->bar(); a==b; a!=b; a<=b; x+=1; y--;
if [ -f "$HOME/.bashrc" ]; then . ~/.bashrc; fi && ls -la | grep foo > /dev/null 2>&1
C:\Windows\System32 /usr/bin/env ~/foo/bar ./configure --prefix=/usr/local -O2 -Wall a.out *.txt
apt-get install foo=1.2.3-4+b1_amd64.deb libc6:i386 v1.2.3 1.2.3a 2.0-rc1 gcc-12 x86_64 i386.
key=value key: value "key": "value", 'k' : 'v' {"a":1,"b":[2,3]} <a href="x.html">y</a>
SELECT * FROM t WHERE a='b' AND c>=1; -- comment
1. First item 2) second (3) third - dash * star • bullet · dot – en — em
Section 1.2.3. Chapter 4.The end.Next sentence.And then,no space.
He said:"Yes."She said:'No.'They left.(Really.)
J.R.R. Tolkien, A.B. Smith and O. Henry; X. Y. Z. a. b. c. I. A. ä. ö. ü. é.
(a.) (b). "c." 'd.' [e.] f., g.; h.: foo-a. bar/b. x.y. (e.g.) (i.e.), "Mr." "vs.", Co., co.;
and/or w/o w/ b/c c/o n/a N/A 24/7 1/2 ½ ¼ 3½ x² y³ H₂O CO₂ 10⁻³
naïve café résumé Ærøskøbing Straße ŁÓDŹ İstanbul ĳ ſ ŉ ʔ ɐ Ǆ ǅ ǆ fiancée.
Привет, мир! Это тест. Цена 5кг, 10км/ч. Что?Да.Нет Ёлка ёж Їжак
Γειά σου Κόσμε. Τι κάνεις; ΑΒΓ.αβγ άλφα.Βήτα
你好，世界！这是一个测试。你好吗？“引号”《书名》、顿号；冒号：（括号）【方】…… ——
中文English混排test中文.com 中文,逗号 中文.句号 中-文 中/文 价格5元 5公斤 ¥5 ５％
日本語のテキスト。カタカナ・ひらがな「引用」ー～ 한국어 문장입니다. 안녕하세요? ＡＢＣ．ａｂｃ
שלום עולם. مرحبا، بالعالم؟ 5كم 3كغ ٪ ۔ हिन्दी वाक्य। தமிழ். বাংলা। ไทย ភាសា។ አማርኛ።
😀 😀😀 a😀b 👍🏽 👨‍👩‍👧 ❤️ ☺ ☎ ✓ ✔done → ← ↑x⇒y © 2020 ® ™ ° № § ¶ † ‡ • ◦ ■ □ ▪ ► ★
§5 §§ %x =x –x —x +x +5 -5 −5 ±5 ~5 ~x `x` ``x'' ‚x‘ „x“ «x» ‹x› 「x」 ⟦x⟧ 〈x〉 ¿x? ¡x!
x's X'S x’s X’S 's ’s 'S ’S s' s’ 's. x's, x's) (x's) its' it's. he's, she's! that's? let's;
I'm/you're he'll-she'll they've... we'd? who'd've what's-his-name ma'am o'clock O’Clock rock’n’roll
5's 1990's 90s' 5'10" 6'2 5′ 5″ 45° 45°N 45°30'15"N 0.5 .5 5. 5.5. -0.5 1e5 1E-5 0x1F
100,000.00 1.000,00 1'000 1_000 (555) 123-4567 +1-555-123-4567 555.123.4567 #123-456 ISBN:978-3
a_b _a_ __init__ *bold* **bold** _it_ ~~del~~ ==hi== --opt -o= x=5 x= =y a=b=c a:b:c a::b
!@#$%^&*() ~!@#$ ()[]{} <<>> || && -- == != ** // \\ ;; :: ,, "" '' `` ^^ ++
'' ' '' ''' '''' ’’ ’ "' '" '." ".' ,' ', .) ). (. .( ?) )? !" "! ." ". .' '. .’ ’. .” ”.
\t \n \") " ( \" <space> C++. C++, (C++) c'mon C'mon how'd'y how’d’y not've notve y'all yall
doin' goin' nothin' ol' somethin' lovin' havin doin nothin 'nuff nuff 'll ll 'em em 'bout 'coz
Adm. Bros. Corp. Gen. Gov. Jr. Ltd. Messrs. Mrs. Ms. Rep. Rev. Sen. v.s. Mt. Ak. Kans. Wis. Nebr.
E.G. I.E. E.g. I.e. e.g., i.e.: a.m.; p.m.! Mr.Smith Dr.Who St.Louis Inc.'s Co.'s U.S.'s
end.) end." end.' end.] end.} end.> end.* end._ end.# end.& end., end.; end.: end.! end.?
x%. x+. x-. x|. x²; x². 5. x). x]. x". x'. x”. x’. AB. Ab. aB. A. AB). 中. 中国. ÀÉ. àé. éÉ.
.a .A .5 ..a a.. A.. 5.. a... .a. .A. a.a. A.A. AA.AA. aa.aa. 1.1. (a.b) (A.B.) [x.y]. "x.Y".
http://a http://a.b http://a.bc http://a.bc/ http://a.bc. http://a.bc, http://a.bc) http://a.bc)." a.bc)
x://a.bc xx://a.bc x-y://a.bc +.://a.bc ://a.bc a@@b.com @b.com a@.com a@b.c1 a@b.cc:1 a@b.cc:12/x
a.bc/d.e,f a.bc/d-e a.bc/d... a.bc/d…e a.bc#x=y:z a.bc?x,y A.BC/x a.Bc/x a1.bc 1a.bc -a.bc a-.bc a--b.cc
über.de über.straße 例え.jp 例え.テスト пример.рф a.рф 中国.中国 a.中 a.中文 𠮷.com a.𠮷𠮷 a.b𠮷 😀.com
a.museumabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnop.x aaaa.bbbb_.cc aaaa.b_b.cc
foo.com/bar_(baz) foo.com/bar_(baz), foo.com/"x" foo.com/x" foo.com/x'. foo.com/x?! foo.com' foo.com's
"""

SPACES = [
    "", " ", "  ", "\n", " \n ", "\t", "a", "a ", " a", "  a", "a  ", "a  b", "a\tb", "a\n\nb",
    "a \n b", "a\r\nb.\r\nC", "One. Two.", "One.\nTwo.\n", "One.\n\n\nTwo.", "One.  Two.   Three. ",
    "One. \n", "One.\n...", "One.\n- Two\n- Three.", "One!\u00a0Two", "a\u3000b\u3000。\u3000c",
    "x\u2028y.\u2029z", "a\x1cb\x1dc.\x1ed\x1fe", "a\u0085b\u00a0c\u1680d\u2003e\u202ff\u205fg",
    "a\u200bb \u200b \ufeff c", "\ufeffHello.", "Hi . There", "Hi .There", "Hi. . There", "? Hi",
    "Hi! ) There", "Hi. \" There", "“Hi.” There. “Yes,” he said.", "(One.) (Two.) [Three.]",
    "a. b. c. d", "e.g . x", ": ) : - ) : (", "(a .) a .", "a\n.", "x a\n. y", "' s ' ' '", "One.\n\n",
    "One.\n\n \n)", "One. )\n\n(Two.", "No end", "... One", ". One", "。一。二！三？四", "One.Two.Three",
    "a\x00b \x01 \x7f \x9f", "Tab\tseparated\tvalues.\nNext\trow.\n", "x" * 70 + "." + "y" * 70,
    "-" * 100, "." * 100, "(" * 50 + ")" * 50, "=" * 80 + "\nTitle\n" + "=" * 80, "a." * 40,
    ":)" * 20, ":-(" * 10 + ")", "'" * 9, "x's" * 5, "don't" * 3, "a@" * 30 + "b.com", "一" * 100,
    "a-" * 40 + "b", "1," * 30, "a," * 30 + "b", "..a" * 20, "😀" * 10, "$" * 5 + "5" + "$" * 5,
]

PIECES = (
    ". . . , , - - -- — – … .. ' ' ’ \" “ ” ( ) [ ] : ; / = < > + * ^ ~ _ # & % $ US$ € ° ! ? @ | \\ "
    "a b s S d m A B AB ab Ab don't can't I'm it's e.g. i.e. Mr. U.S. a.m. p.m. km kg m² GB 5 10 3.5 "
    "0 1 com org www. http:// https:// .com .co foo bar Foo é É ß я Я 中 文 。 ， ？ か ا ।  😀 → © :) :-) "
    ":( :D xD <3 o.O ^_^ 'll 's n't 've"
).split()


def texts():
    yield from (line for line in HAND.split("\n") if line)
    yield from SPACES
    rules = sorted(load_word_tokenizer("eng").tokenizer.tokenizer.rules)
    rules = [rule for rule in rules if rule.strip()]
    for start in range(0, len(rules), 60):
        yield " ".join(rules[start : start + 60])
    # The same inside other characters, so that affixes are peeled before the exception is seen.
    frames = ["({}),", '"{}".', "x-{}", "{}:{}", "‘{}’s", "{}…", "*{}*", "{}."]
    for start in range(0, len(rules), 60):
        chosen = rules[start : start + 60]
        yield " ".join(frames[i % len(frames)].replace("{}", rule) for i, rule in enumerate(chosen))
    rng = random.Random(11)
    for _ in range(90):
        chunks = ("".join(rng.choices(PIECES, k=rng.randint(1, 6))) for _ in range(25))
        yield rng.choice([" ", " ", "  ", "\n"]).join(chunks)


def main():
    tokenizer = load_word_tokenizer("eng")
    for text in texts():
        record = {
            "text": text,
            "words": tokenizer.word_tokenize(text),
            "sentences": tokenizer.sent_tokenize(text),
            "count": len(split_into_sentences(text)),
        }
        print(json.dumps(record, ensure_ascii=False))


if __name__ == "__main__":
    main()
