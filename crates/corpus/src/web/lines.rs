//! Lines that stand on every page of a site.

use super::boilerplate::BoilerplateReason;
use ahash::AHashSet;
use regex::{Regex, RegexSet};
use std::sync::LazyLock;

/// Longer lines are not looked at: what stands on every page is short.
const MAX_LINE_BYTES: usize = 600;

/// Names of the places that buttons share to.
const PLACES: &str = "facebook|twitter|linkedin|pinterest|whatsapp|reddit|telegram|tumblr|\
     instagram|weibo|wechat|e-?mail|微信|微博|新浪微博|qq空间|qq好友|qq|朋友圈|豆瓣|知乎|人人网";

/// Lines that a rule has to match from their start on are no longer than this.
const MAX_WHOLE_BYTES: usize = 200;

/// Rules with the reason each gives.
struct Rules {
    set: RegexSet,
    reasons: Vec<BoilerplateReason>,
}

impl Rules {
    /// The rules that start at the start of a line, or the others. The former are over after a
    /// few bytes of most lines; the latter are asked only where [`WORDS`] are.
    fn new(whole: bool) -> Self {
        let all = [
            (BoilerplateReason::Consent, consent_rules()),
            (BoilerplateReason::Share, share_rules()),
            (BoilerplateReason::Copyright, copyright_rules()),
            (BoilerplateReason::SignUp, sign_up_rules()),
            (BoilerplateReason::Advertisement, advert_rules()),
            (BoilerplateReason::Navigation, navigation_rules()),
        ];
        let rules = all.into_iter().flat_map(|(reason, rules)| {
            rules.into_iter().map(move |rule| (reason, format!("(?i){rule}")))
        });
        let (reasons, patterns): (Vec<_>, Vec<_>) =
            rules.filter(|(_, rule)| rule.starts_with(r"(?i)^\W*") == whole).unzip();
        let set = RegexSet::new(patterns).expect("the rules are patterns");
        Self { set, reasons }
    }

    fn reason(&self, line: &str) -> Option<BoilerplateReason> {
        self.set.matches(line).iter().next().map(|rule| self.reasons[rule])
    }
}

static WHOLE: LazyLock<Rules> = LazyLock::new(|| Rules::new(true));
static INSIDE: LazyLock<Rules> = LazyLock::new(|| Rules::new(false));

/// One of these is in every line that the rules for the inside of lines are for.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    let words = "cookie|privacy policy|rights reserved|版权所有|icp|公网安备|隐私政策|用户协议|©";
    Regex::new(&format!("(?i){words}")).expect("the words make a pattern")
});

/// Patterns as they are written above one another: a line break and what indents the next line
/// are no part of them, and names in braces stand for lists of words.
fn rules(patterns: &[&str]) -> Vec<String> {
    let one_line = |pattern: &&str| -> String {
        let joined: String = pattern.lines().map(str::trim_start).collect();
        joined.replace("{places}", PLACES).replace("{deeds}", DEEDS).replace("{own}", OWN)
    };
    patterns.iter().map(one_line).collect()
}

/// How a page speaks of itself.
const OWN: &str = "(?:we|this (?:web)?site|our (?:web)?site|we and our partners)";

/// What buttons are for.
const DEEDS: &str = "share|tweet|pin it|print|save|like|copy link|分享|转发|收藏|打印|点赞|举报|\
     评论|复制链接";

/// A page speaks of its own cookies in the first person; an article about cookies does not.
fn consent_rules() -> Vec<String> {
    rules(&[
        r"\b{own}\b[^.]{0,40}\bus(?:e|es|ing)\b[^.]{0,30}\bcookies\b",
        r"\bby (?:continuing|using|clicking|closing)\b.{0,80}\b(?:cookies|privacy policy)\b",
        r"^\W*(?:accept|allow|reject|decline) (?:all )?(?:cookies|tracking)\W*$",
        r"^\W*(?:manage |your )?(?:cookie|privacy|consent) (?:settings|preferences|choices)\W*$",
        r"(?:我们|本网站|本站|本网|该网站).{0,12}(?:使用|采用).{0,8}cookie",
        r"^.{0,6}(?:接受|同意|拒绝)(?:所有|全部)?\s?cookies?.{0,3}$",
        r"继续(?:浏览|使用|访问).{0,24}(?:同意|接受).{0,24}(?:cookie|隐私政策|用户协议)",
    ])
}

fn share_rules() -> Vec<String> {
    rules(&[
        r"^\W*(?:share|tweet|send|post)(?: (?:this|it))?(?: (?:article|page|story|post))?
            (?: (?:on|to|via|by|with) (?:{places}))?\W*$",
        r"^\W*(?:follow|like|find|join) us(?: on (?:{places}|social media))?\W*$",
        r"^\W*(?:(?:{places}|{deeds})(?:\s+\d+)?[\s|/·,，、]+)+
            (?:{places}|{deeds})(?:\s+\d+)?\W*$",
        r"^\W*(?:分享|转发|一键分享)(?:到|至)?[:：]?\s*(?:{places})?(?:[\s、|/]*(?:{places}))*\W*$",
        r"^\W*(?:微信|打开微信|用微信)?扫(?:一扫|码|描).{0,16}(?:分享|关注|下载|二维码).{0,10}$",
        r"^\W*(?:关注我们|关注我们的(?:微信|微博|公众号).{0,12})\W*$",
    ])
}

fn copyright_rules() -> Vec<String> {
    rules(&[
        r"^\W*(?:copyright|©|\(c\))(?:\s*(?:©|\(c\)))?\s*(?:19|20)\d\d\b.{0,160}$",
        r"^.{0,80}©\s*(?:19|20)\d\d.{0,120}
            (?:all rights reserved|版权所有|保留所有权利).{0,60}$",
        r"^.{0,120}\ball rights reserved\W*$",
        r"^.{0,60}版权所有.{0,80}$",
        r"[京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新]\s?icp\s?[备证]\s?\d+",
        r"公网安备\s?\d+",
    ])
}

fn sign_up_rules() -> Vec<String> {
    rules(&[
        r"^\W*(?:sign|log)[ -]?(?:in|up|on|out)(?:\W+(?:or |and )?
            (?:register|sign[ -]?up|log[ -]?in|subscribe|create (?:an )?account))*\W*$",
        r"^\W*(?:register|subscribe|create (?:an|your) account|forgot (?:your )?password)\W*$",
        r"^\W*(?:sign up|subscribe|register) (?:for|to) (?:our|the|free|a free|daily|weekly)\b
            .{0,60}\b(?:newsletters?|updates|alerts|emails?|mailing list)\b.{0,20}$",
        r"^\W*(?:登录|注册|登陆|立即登录|立即注册|免费注册|忘记密码|立即订阅)
            (?:\W+(?:登录|注册|忘记密码))*\W*$",
        r"^\W*订阅我们的.{0,20}$",
    ])
}

fn advert_rules() -> Vec<String> {
    rules(&[
        r"^\W*(?:advertisements?|advertising|sponsored(?: content| post| links?)?|promoted)\W*$",
        r"^\W*advertisement\W+(?:continue reading|scroll|story continues).{0,40}$",
        r"^\W*(?:story|article) continues below\b.{0,30}$",
        r"^\W*(?:广告|推广|赞助内容|赞助商链接|广告位招租)\W*$",
    ])
}

fn navigation_rules() -> Vec<String> {
    rules(&[
        r"^\W*(?:read more|continue reading|(?:load|show|see|learn) more|(?:view|see) all|
            more stories)\W*$",
        r"^\W*(?:(?:back|go) to top|skip to (?:main )?content|skip navigation|toggle navigation|
            main menu)\W*$",
        r"^\W*(?:previous|next|older|newer) (?:article|post|page|story|entries|posts)\W*$",
        r"^\W*(?:related|recommended|popular|latest|trending|most read|more)
            \x20(?:articles?|posts?|stories|news|reading|topics)\W*$",
        r"^\W*(?:阅读更多|查看更多|加载更多|点击加载更多|展开全文|阅读全文|查看全部|返回顶部|
            回到顶部|返回首页|跳转到主要内容)\W*$",
        r"^\W*(?:相关阅读|推荐阅读|热门推荐|相关推荐|猜你喜欢|相关文章|热门文章|最新文章|延伸阅读|
            热门评论|全部评论|网友评论)\W*$",
        r"^\W*(?:上一篇|下一篇|上一页|下一页)(?:[:：].{0,60})?\W*$",
    ])
}

/// Why a line is boilerplate, if it is.
pub(super) fn reason_of(line: &str) -> Option<BoilerplateReason> {
    let line = line.trim();
    if line.is_empty() || line.len() > MAX_LINE_BYTES {
        return None;
    }
    let by_words = || WORDS.is_match(line).then(|| INSIDE.reason(line)).flatten();
    if line.len() > MAX_WHOLE_BYTES {
        return by_words();
    }
    let whole = || may_start_a_rule(line).then(|| WHOLE.reason(line)).flatten();
    let trail = || is_trail(line).then_some(BoilerplateReason::Navigation);
    whole().or_else(by_words).or_else(trail)
}

/// Words that the rules for whole lines start with.
#[rustfmt::skip]
const FIRST_WORDS: [&str; 79] = [
    "accept", "advertisement", "advertisements", "advertising", "allow", "article", "back", "c",
    "consent", "continue", "cookie", "copy", "copyright", "create", "decline", "e", "email",
    "facebook", "find", "follow", "forgot", "go", "instagram", "join", "latest", "learn", "like",
    "linkedin", "load", "log", "login", "logon", "logout", "main", "manage", "more", "most",
    "newer", "next", "older", "pin", "pinterest", "popular", "post", "previous", "print",
    "privacy", "promoted", "qq", "read", "recommended", "reddit", "register", "reject",
    "related", "save", "see", "send", "share", "show", "sign", "signin", "signon", "signout",
    "signup", "skip", "sponsored", "story", "subscribe", "telegram", "toggle", "trending",
    "tumblr", "tweet", "twitter", "view", "wechat", "weibo", "whatsapp",
];

/// First characters of those that start with none of these words.
const FIRST_CHARS: &str = "分转一微打用扫关收点举评复登注立免忘订广推赞查加展阅返回跳相热猜最延全\
     网上下新朋豆知人我";

/// Whether a line starts like a line that a rule for whole lines is for. It spares nearly all
/// lines the rules.
fn may_start_a_rule(line: &str) -> bool {
    let start = line.trim_start_matches(|ch: char| !ch.is_alphanumeric() && ch != '_');
    let len = start.bytes().take_while(u8::is_ascii_alphabetic).count();
    match start.chars().next() {
        Some(first) if len == 0 => FIRST_CHARS.contains(first) || line.contains('©'),
        Some(_) if len <= 14 => {
            let mut lower = [0; 14];
            lower[..len].copy_from_slice(&start.as_bytes()[..len]);
            lower.make_ascii_lowercase();
            FIRST_WORDS.binary_search_by(|word| word.as_bytes().cmp(&lower[..len])).is_ok()
        }
        _ => false,
    }
}

/// Words that menus are made of.
#[rustfmt::skip]
const MENU: [&str; 96] = [
    "about", "about us", "account", "advertise", "archive", "archives", "blog", "business",
    "careers", "cart", "categories", "community", "contact", "contact us", "culture",
    "disclaimer", "documentation", "docs", "download", "downloads", "entertainment", "events",
    "explore", "faq", "features", "forum", "gallery", "health", "help", "home", "home page",
    "jobs", "latest", "lifestyle", "login", "log in", "logout", "media", "menu", "my account",
    "news", "opinion", "politics", "pricing", "privacy", "privacy policy", "products",
    "register", "resources", "rss", "science", "search", "services", "shop", "sign in",
    "sign up", "site map", "sitemap", "sports", "store", "subscribe", "support", "tags",
    "technology", "terms", "terms of service", "terms of use", "tools", "travel", "video",
    "videos", "weather", "world", "首页", "主页", "新闻", "体育", "财经", "科技", "娱乐", "视频",
    "图片", "论坛", "博客", "登录", "注册", "关于我们", "联系我们", "产品", "服务", "帮助",
    "下载", "网站地图", "隐私政策", "使用条款", "招聘",
];

/// Whether a line is one entry of a menu.
pub(super) fn is_menu_word(line: &str) -> bool {
    static WORDS: LazyLock<AHashSet<&str>> = LazyLock::new(|| MENU.into_iter().collect());
    let line = line.trim_matches(|ch: char| !ch.is_alphanumeric());
    line.len() <= 20 && WORDS.contains(&*line.to_ascii_lowercase())
}

/// A menu or a trail of pages in one line: parts between separators, half of them menu words.
fn is_trail(line: &str) -> bool {
    const SEPARATORS: [char; 9] = ['|', '>', '»', '›', '·', '•', '→', '｜', '/'];
    // A path of a file is no trail: its slashes have no spaces.
    let num_separators = if line.contains(" / ") { 9 } else { 8 };
    let separators = &SEPARATORS[..num_separators];
    if !line.contains(separators) {
        return false;
    }
    let parts: Vec<&str> =
        line.split(separators).map(str::trim).filter(|part| !part.is_empty()).collect();
    let known = parts.iter().filter(|part| is_menu_word(part)).count();
    parts.len() >= 3 && (known * 2 >= parts.len() || (known > 0 && is_home(parts[0])))
}

fn is_home(part: &str) -> bool {
    ["home", "home page", "首页", "主页"].iter().any(|home| home.eq_ignore_ascii_case(part))
}
