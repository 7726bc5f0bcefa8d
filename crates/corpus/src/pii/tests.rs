//! Each rule on what it must find and on what it must leave alone.

use super::*;

mod audit;
mod golden;
mod properties;
mod pseudonyms;
mod secrets;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(mask(text, &PiiRule::ALL).text, expected, "from {text:?}");
}

#[track_caller]
fn check_left_alone(text: &str) {
    check(text, text);
}

#[test]
fn emails() {
    check("Write to jane.doe+bank@mail.example.co.uk.", "Write to [EMAIL].");
    check("请联系zhang@example.com或<a_b@c-d.org>", "请联系[EMAIL]或<[EMAIL]>");
    check_left_alone("@handle, a@b, x@localhost, 5 @ $3.00, .a.@.com");
}

#[test]
fn cards_need_a_network_and_the_luhn_digit() {
    check("Card 4111 1111 1111 1111 was charged", "Card [BANK_CARD] was charged");
    check("5500-0000-0000-0004, 378282246310005", "[BANK_CARD], [BANK_CARD]");
    check("卡号6222020111122220002。", "卡号[BANK_CARD]。");
    check_left_alone("4111 1111 1111 1112");
    check_left_alone("Reference 1234567890123452 and $4111111111111111");
    check_left_alone("id AB4111111111111111, 0.4111111111111111");
}

#[test]
fn ibans_need_length_and_check_digits() {
    check("IBAN DE89 3704 0044 0532 0130 00 in Berlin", "IBAN [IBAN] in Berlin");
    check("GB82WEST12345698765432", "[IBAN]");
    check("NL91ABNA0417164300 or NO93 8601 1117 947", "[IBAN] or [IBAN]");
    check_left_alone("DE88 3704 0044 0532 0130 00");
    check_left_alone("ZZ89370400440532013000 CARD2024ABCDEFGHIJ");
}

#[test]
fn resident_ids_need_a_date_and_the_check_character() {
    check("身份证11010519491231002X办理", "身份证[RESIDENT_ID]办理");
    check("ID: 440524188001010014.", "ID: [RESIDENT_ID].");
    check_left_alone("110105194912310021");
    check_left_alone("11010519490231002X");
}

#[test]
fn ip_addresses_but_not_versions_or_times() {
    check("from 203.0.113.7:8080 and 10.0.0.0/8", "from [IP_ADDRESS]:8080 and [IP_ADDRESS]/8");
    check("host 2001:db8::8a2e:370:7334,", "host [IP_ADDRESS],");
    check("::ffff:192.0.2.128", "[IP_ADDRESS]");
    check_left_alone("version 1.2.3.4, v10.0.0.1, 版本 2.0.0.1, 1.2.3.4.5, 256.1.1.1");
    check_left_alone("at 12:30:45, std::fmt, ::1, 127.0.0.1, 0.0.0.0, 1:2, a::b::c");
}

#[test]
fn phones() {
    check("Call +1 (212) 555-0123 or +44 20 7946 0958.", "Call [PHONE] or [PHONE].");
    check("手机13812345678，座机010-62345678", "手机[PHONE]，座机[PHONE]");
    check("+86 138-1234-5678; (021) 62345678; 400-820-8820", "[PHONE]; [PHONE]; [PHONE]");
    check("(212) 555-0123, 212.555.0123 and 1-800-555-0199", "[PHONE], [PHONE] and [PHONE]");
}

#[test]
fn amounts_dates_and_codes_stay() {
    check_left_alone("$13812345678.00, 1,234,567.89, +5.00%, +100,000 points, 2024-11-14");
    check_left_alone("Order 1381234567, account 2125550123, SKU 400-8208, 2025-12-31 10:00-18:00");
    check_left_alone("0.13812345678, 138123456789, ABC13812345678, 1-2-3, 555-0123, 12/31/2025");
    check_left_alone("limits from $37,500 to $225,000; 3-5 days; 18-24 months; 24/7; 1099-INT");
}

#[test]
fn overlaps_go_to_the_first_rule_and_counts_are_kept() {
    let masked = mask("a@b.io a@c.io 13812345678", &PiiRule::ALL);
    assert_eq!(masked.text, "[EMAIL] [EMAIL] [PHONE]");
    let counts: Vec<_> = masked.counts.into_iter().collect();
    assert_eq!(counts, [(PiiRule::Email, 2), (PiiRule::Phone, 1)]);
    let only_phones = mask("a@b.io 13812345678", &[PiiRule::Phone]);
    assert_eq!(only_phones.text, "a@b.io [PHONE]");
}

#[test]
fn chinese_landlines_and_services() {
    check("电话（0571）87654321", "电话[PHONE]");
    check("0379-6234567、010 6234 5678", "[PHONE]、[PHONE]");
    check("总机021-52345678-801或021-52345678转801", "总机[PHONE]或[PHONE]");
    check("致电02152345678，或86-10-62345678", "致电[PHONE]，或[PHONE]");
    check("4008-208-820 400-8208820 热线4008208820", "[PHONE] [PHONE] 热线[PHONE]");
    check_left_alone("拨110、10086、95588或12345；02152345678；4008208820");
    check_left_alone("021-12345678 0379-62345 026-62345678");
}

#[test]
fn bare_phone_numbers_need_a_label() {
    check("call me at 2125550123", "call me at [PHONE]");
    check("Tel. 07911 123456, fax 020 7946 0958", "Tel. [PHONE], fax [PHONE]");
    check("0086-13812345678, (+86)13812345678", "[PHONE], [PHONE]");
    check("phone=13812345678&item=13812345678", "phone=[PHONE]&item=13812345678");
    check_left_alone("2125550123; call on 2024-11-14; call 911; +1 to that; GMT+0800");
    check_left_alone("订单号13812345678，serial number 13812345678, 12912345678");
}

#[test]
fn legacy_resident_ids_need_a_date_and_no_other_label() {
    check("身份证430401910407034", "身份证[RESIDENT_ID]");
    check("430401 19910407 0345 430401199104070345", "[RESIDENT_ID] [RESIDENT_ID]");
    check_left_alone("身份证430401911307034, 990401910407034");
    check_left_alone("IMEI 430401910407034");
}

#[test]
fn social_credit_codes_need_the_check_character() {
    check("代码91350100M000100Y43。", "代码[SOCIAL_CREDIT]。");
    check_left_alone("91350100M000100Y44 9135O100M000100Y43 91990100M000100Y43");
}

#[test]
fn licence_plates() {
    check("京A12345、粤B·D12345", "[LICENCE_PLATE]、[LICENCE_PLATE]");
    check("沪AF12345和浙A12345D", "[LICENCE_PLATE]和[LICENCE_PLATE]");
    check("鄂A1234学，粤Z1234港", "[LICENCE_PLATE]，[LICENCE_PLATE]");
    check_left_alone("全新A12345 沪A股 京I12345 沪A600519 京A123456 A12345 京A1234");
}

#[test]
fn cards_of_hong_kong_macau_and_taiwan() {
    check("A123456(3), HKID A1234563", "[HONG_KONG_ID], HKID [HONG_KONG_ID]");
    check("AB987654(3)", "[HONG_KONG_ID]");
    check("澳门证件1234567(8)", "澳门证件[MACAU_ID]");
    check("A123456789", "[TAIWAN_ID]");
    check_left_alone("A123456(4) A1234563 1234567(8) A123456788 model A123456789");
}

#[test]
fn passports_need_a_label() {
    check("护照E12345678", "护照[PASSPORT]");
    check(
        "Passport No. 123456789, passport: C01X00T47",
        "Passport No. [PASSPORT], passport: [PASSPORT]",
    );
    check("港澳通行证C12345678", "港澳通行证[PASSPORT]");
    check_left_alone("E12345678, 123456789, a passport costs 165, passport 12");
}

#[test]
fn social_security_numbers() {
    check("123-45-6780; SSN 123456780", "[SOCIAL_SECURITY]; SSN [SOCIAL_SECURITY]");
    check_left_alone("000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000");
    check_left_alone("part 123-45-6780, 123456780, 1123-45-6780");
}

#[test]
fn messengers_need_a_label() {
    check("微信号：lily_wang88，QQ群 123456789", "微信号：[WECHAT]，QQ群 [QQ]");
    check("WeChat ID: sunshine, QQ: 12345", "WeChat ID: [WECHAT], QQ: [QQ]");
    check("加wxid_a1b2c3d4e5f6", "加[WECHAT]");
    check_left_alone("微信支付 微信8.0.49 WeChat for iOS, lily_wang88, QQ 9.9.12, QQ音乐12345");
}

#[test]
fn hardware_addresses() {
    check("mac 00:1A:2b:3c:4d:5e, 00-1a-2b-3c-4d-5e", "mac [MAC_ADDRESS], [MAC_ADDRESS]");
    check_left_alone("00:00:00:00:00:00 ff:ff:ff:ff:ff:ff 00:1a:2b:3c:4d:5e:6f 00:1a:2b");
    assert!(!PiiRule::usual().contains(&PiiRule::MacAddress));
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    for (at, rule) in PiiRule::ALL.into_iter().enumerate() {
        assert_eq!(rule as usize, at, "the registry has another order at {rule:?}");
        assert_eq!(PiiRule::from_name(rule.name()), Some(rule));
        assert_eq!(rule.placeholder(), format!("[{}]", rule.name().to_uppercase()));
        assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        assert!(rule.description().len() > 10);
    }
    assert_eq!(PiiRule::from_name("name"), None);
}
