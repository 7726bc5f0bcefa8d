//! Addresses that stay and addresses that do not.

use super::*;

fn filter() -> UrlFilter {
    let mut filter = UrlFilter::new();
    filter.add(UrlLists {
        domains: "# gone\nspam.example\n*.Ads.example.org.\n\n",
        subwords: "banned-subword\n--\n",
        words: "bannedword",
        soft_words: "soft1\nsoft2",
    });
    filter
}

#[track_caller]
fn check(url: &str, rule: Option<&str>) {
    let found = filter().judge(url);
    assert_eq!(found.as_ref().map(UrlReason::rule), rule, "{url}: {found:?}");
}

#[test]
fn domains_have_subdomains_and_hosts_have_users_and_ports() {
    for url in [
        "https://spam.example/",
        "HTTP://WWW.SPAM.EXAMPLE:8080/a?b#c",
        "spam.example",
        "https://jo:pw@a.b.spam.example.?x",
        "https://x.ads.example.org/y",
    ] {
        check(url, Some("domain"));
    }
    for url in [
        "https://notspam.example/",
        "https://spam.example.com/",
        "https://good.org/spam.example",
        "https://example.org/",
        "",
        "::",
    ] {
        check(url, None);
    }
}

#[test]
fn words_have_three_degrees() {
    check("http://foobann.edsub-wo.rdbar.com/any/bar", Some("subword"));
    check("http://www.foo.com/bannedword-bar", Some("word"));
    check("http://www.foo.com/abannedword", None);
    check("http://www.foo.bar/soft1-bar-soft2", Some("soft_words"));
    check("http://www.foo.bar/soft1-bar-soft1", None);
    let found = filter().judge("http://soft2.com/Soft1").unwrap();
    assert_eq!(found.to_string(), "no address with `soft2` and `soft1`");
}

#[test]
fn without_lists_every_page_stays() {
    assert_eq!(UrlFilter::new().judge("https://spam.example/soft1"), None);
}
