"""Makes the golden file of `web`: pages with all that surrounds an article, and what they say.

python make.py
"""

import json
import pathlib

import trafilatura

HERE = pathlib.Path(__file__).parent

NAV = {
    "en": [
        "Home",
        "News",
        "Sports",
        "Business",
        "Technology",
        "Opinion",
        "Weather",
        "Subscribe",
        "Log in",
        "Contact",
    ],
    "zh": ["首页", "新闻", "体育", "财经", "科技", "评论", "天气", "订阅", "登录", "联系我们"],
}
COOKIE = {
    "en": "We use cookies to improve your experience. By continuing to use this site you accept our use of cookies. Accept all Reject Manage preferences",
    "zh": "本网站使用 Cookie 以改善您的浏览体验。继续使用即表示您同意我们的 Cookie 政策。接受 拒绝 管理设置",
}
FOOT = {
    "en": "© 2024 Example Media Ltd. All rights reserved. Privacy policy Terms of use About us Careers Advertise",
    "zh": "版权所有 © 2024 示例传媒有限公司 京ICP备12345678号-1 京公网安备 11010502030405号 关于我们 隐私政策 使用条款",
}
SHARE = {
    "en": ["Share on Facebook", "Tweet", "Share on LinkedIn", "Email", "Print"],
    "zh": ["分享到微信", "分享到微博", "复制链接", "收藏", "打印"],
}
REL = {
    "en": [
        "Ten gadgets you need this winter",
        "Why the market fell on Monday",
        "Recipe: a quick lentil soup",
        "Interview with the new director",
        "Five trails for the weekend",
    ],
    "zh": [
        "今冬必备的十款数码产品",
        "周一股市为何下跌",
        "食谱：快手扁豆汤",
        "专访新任馆长",
        "周末五条徒步路线",
    ],
}
AD = {
    "en": "Advertisement Sponsored: Save 30% on hosting today",
    "zh": "广告 赞助内容：云主机限时七折",
}
CM = {
    "en": ["Great article, thanks!", "I disagree with the second point."],
    "zh": ["写得真好，谢谢！", "第二点我不太同意。"],
}
ART = {}
ART["en"] = [
    (
        "How the river town rebuilt its library",
        """When the flood reached the second floor of the library in March, the staff had already carried four thousand books up the stairs by hand. The rest, some twenty thousand volumes, stood in brown water for three days.
The rebuilding took two years and cost far less than the council had feared. Volunteers dried pages between sheets of blotting paper, and a paper mill downstream lent its cold rooms so that mould could not spread.
"We learned that a library is not its shelves," said Maria Okafor, who has run the children's section since 1998. "People came to read on the pavement. They brought chairs."
The new building stands on concrete legs two metres above the old floor. Its reading room looks over the water, and a brass line on the wall shows where the flood stood.
Engineers expect the river to rise again within thirty years. The catalogue is now kept in three cities, and the rarest books have a room of their own on the hill.""",
    ),
    (
        "Understanding memory mapped files",
        """A memory mapped file lets a program treat the contents of a file as if they were an array in memory. The operating system loads pages on demand and writes changed pages back later.
The main benefit is that no copy between the page cache and the program's buffers is needed. For read-mostly data such as indexes and model weights, start-up becomes nearly free, because nothing is read until it is touched.
There are costs as well. Errors show up as signals instead of return codes, and a file that is truncated while mapped will kill the process that reads behind its new end.
On systems with little memory, mapped pages compete with everything else. A tight loop over a mapping that is larger than memory will be as slow as the disk, whatever the processor can do.""",
    ),
    (
        "Council approves new cycle lanes after long debate",
        """The city council voted on Tuesday to build eleven kilometres of protected cycle lanes, ending a debate that had lasted more than four years.
The plan passed by nineteen votes to twelve. Work begins in May on the northern ring and should reach the harbour before the winter.
Shop owners along Mill Street had warned that the loss of parking would cost them customers. A study presented on Monday found no such effect in three comparable towns.
Councillor James Whitfield, who changed his vote, said the figures had convinced him. "I asked for evidence and I got it," he said after the meeting.
The lanes will be evaluated after eighteen months. If accidents do not fall by at least a quarter, the council will vote on the plan again.""",
    ),
]
ART["zh"] = [
    (
        "老城图书馆的重生",
        """今年三月，洪水漫上图书馆二楼时，工作人员已经徒手把四千册图书搬上了楼梯。其余的两万多册，在浑浊的水里泡了整整三天。
重建花了两年时间，费用远低于市政府最初的估计。志愿者把书页夹在吸水纸之间一张张晾干，下游的造纸厂还腾出了冷库，防止霉菌扩散。
“我们明白了，图书馆并不只是书架。”自1998年起负责少儿阅览室的李敏说，“大家坐在人行道上看书，连椅子都是自己带来的。”
新馆建在两米高的混凝土柱上，阅览室正对着河面，墙上的一条铜线标出了当年洪水的高度。
工程师预计三十年内河水还会再次上涨。如今目录分存在三座城市，最珍贵的古籍则搬到了山上的专门库房。""",
    ),
    (
        "内存映射文件入门",
        """内存映射文件让程序可以像访问内存数组一样访问文件内容。操作系统按需载入页面，并在稍后把修改过的页面写回磁盘。
它的主要好处是不需要在页缓存和程序缓冲区之间复制数据。对于索引、模型权重这类以读为主的数据，启动几乎不花时间，因为只有真正访问到的部分才会被读取。
当然也有代价。错误会以信号的形式出现，而不是返回码；如果文件在映射期间被截断，读取超出新结尾的进程会被直接终止。
在内存较小的机器上，映射页面会与其他数据争抢空间。如果映射比内存还大，循环遍历的速度就只能取决于磁盘。""",
    ),
    (
        "市议会通过自行车道新规划",
        """市议会周二投票决定修建十一公里的隔离自行车道，持续四年多的争论就此告一段落。
该方案以十九票赞成、十二票反对获得通过。工程将于五月从北环路动工，预计入冬前修到港口。
磨坊街的店主们曾警告说，减少停车位会让他们失去顾客。周一公布的一项研究显示，在三座条件相近的城市并没有出现这种情况。
改变投票立场的议员王建国表示，是数据说服了他。“我要求拿出证据，他们拿出来了。”他在会后说。
十八个月后将对车道进行评估。如果事故没有减少四分之一以上，议会将重新表决这一方案。""",
    ),
]


def li(xs):
    return "".join(f'<li><a href="/{i}">{x}</a></li>' for i, x in enumerate(xs))


def page(lang, title, paras, style):
    ps = paras.split("\n")
    body = ""
    for i, p in enumerate(ps):
        body += f"<p>{p}</p>"
        if i == 1 and style % 2 == 0:
            body += f'<div class="ad-slot advert">{AD[lang]}</div>'
        if i == 2 and style % 3 == 0:
            body += f'<aside class="related"><h3>{"Related" if lang=="en" else "相关阅读"}</h3><ul>{li(REL[lang])}</ul></aside>'
    wrap = [
        f'<article class="post"><h1>{title}</h1><div class="meta">By Jane Doe · 12 May 2024</div>{body}</article>',
        f'<div id="content" class="entry-content"><h1>{title}</h1>{body}</div>',
        f'<div class="c1x"><div class="b7"><h2>{title}</h2>{body}</div></div>',
    ][style % 3]
    share = '<ul class="share-buttons">' + li(SHARE[lang]) + "</ul>"
    com = (
        '<section id="comments" class="comments"><h3>Comments</h3>'
        + "".join(f'<div class="comment"><p>{c}</p></div>' for c in CM[lang])
        + "</section>"
    )
    return f"""<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{title} - Example</title><meta property="article:published_time" content="2024-05-12T08:00:00Z"><script>var x="<p>not text</p>";</script><style>.a{{b:c}}</style></head><body><div id="cookie-banner" class="cookie-consent">{COOKIE[lang]}</div><header><nav><ul>{li(NAV[lang])}</ul></nav></header><div class="breadcrumb">{" &gt; ".join(NAV[lang][:3])}</div><main>{wrap}{share}{com if style!=4 else ""}</main><div class="sidebar"><h3>{"Most read" if lang=="en" else "热门"}</h3><ul>{li(REL[lang])}</ul><p>{AD[lang]}</p></div><footer><p>{FOOT[lang]}</p><ul>{li(NAV[lang])}</ul></footer></body></html>"""


def main():
    with open(HERE / "pages.jsonl", "w", encoding="utf-8") as file:
        for lang, articles in ART.items():
            for at, (title, paras) in enumerate(articles):
                for style in (at, at + 2):
                    html = page(lang, title, paras, style)
                    reference = trafilatura.extract(html, include_comments=False) or ""
                    row = {
                        "html": html,
                        "title": title,
                        "text": f"{title}\n{paras}",
                        "trafilatura": reference,
                    }
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


main()
