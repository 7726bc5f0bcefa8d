//! Simplified against traditional Chinese.

use std::sync::LazyLock;

/// The characters that Chinese is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChineseScript {
    /// The characters of mainland China and Singapore (`zh-Hans`).
    Simplified,
    /// The characters of Taiwan, Hong Kong and Macau (`zh-Hant`).
    Traditional,
}

impl ChineseScript {
    /// Counts the common characters that only one of the two has; `None` if there are none or as
    /// many of each. Some 580 pairs, which make up a third of running text.
    pub fn of(text: &str) -> Option<Self> {
        let (mut simplified, mut traditional) = (0_usize, 0_usize);
        for ch in text.chars().filter(|&ch| ch >= FIRST) {
            match SIDES.get((ch as usize) - (FIRST as usize)) {
                Some(Side::Simplified) => simplified += 1,
                Some(Side::Traditional) => traditional += 1,
                Some(Side::Both) | None => {}
            }
        }
        match simplified.cmp(&traditional) {
            std::cmp::Ordering::Less => Some(Self::Traditional),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Self::Simplified),
        }
    }

    /// The script subtag: `Hans` or `Hant`.
    pub fn subtag(self) -> &'static str {
        match self {
            Self::Simplified => "Hans",
            Self::Traditional => "Hant",
        }
    }
}

/// Which side a character is on.
#[derive(Clone, Copy)]
enum Side {
    Both,
    Simplified,
    Traditional,
}

/// First and last of the unified ideographs.
const FIRST: char = '\u{4E00}';
const LAST: char = '\u{9FFF}';

static SIDES: LazyLock<Vec<Side>> = LazyLock::new(|| {
    let mut sides = vec![Side::Both; LAST as usize - FIRST as usize + 1];
    for (chars, side) in [(SIMPLIFIED, Side::Simplified), (TRADITIONAL, Side::Traditional)] {
        for ch in chars.chars() {
            if let Some(place) = (ch as usize).checked_sub(FIRST as usize) {
                sides[place] = side;
            }
        }
    }
    sides
});

/// Common characters that standard traditional text does not have.
const SIMPLIFIED: &str = "\
    东个为书买亚产亲亿仅从仓仪们价众优伙会传伤伦伪体侦侧俭债倾储儿兰关兴养兽内冈册写军农冯决\
    况冻净减凤凭击刘则刚创删别剂剑剧劝办务动劳势勋区医华协单卖卢卫却厂厅历厉压厌县参双发变叙\
    号叹吓吗听启员响哑唤喷团园围国图圆圣场坏块坚坛坟垄垒墙壮声壳处备够头夹夺奋奖妇妈娱婴孙学\
    宁宝实宠审宪宽宾对寻导将尔尘尝层岁岂岛岭峡币帅师帐带帮广庄庆库应庙废开张弥弯弹强归当录彻\
    径忆忧怀态总恋恶悬惊惯愿戏战户扑执扩扫扬扰抚护报担拟拥择挂挥损换据掷搅摄摆摇敌数断无时显\
    晓暂术机杀杂权条来杨极构枪标栋栏树样档桥梦检楼欢欧残毁毕气汇汉汤沟没泪泽洁浅测济浏涛润渐\
    温湾湿滚满滨灭灯灵灾炉点炼烂烟烦烧热爱爷状独狭狱猎猪玛环现电疗疮疯盐监盖盘矿码砖础确碍礼\
    祸离种积称稳穷窝竞笔筑签简类粮紧纠红约级纪纯纲纳纵纷纸纺线练组细织终绍经绕绘给络绝统继绩\
    续维绵综绿缓编缘缩网罗罚职联聪肃肠肤肾肿胀胁胆胜脑脚脱脸腊舰艺节芦苏荐荣药莱莲获营萨蓝虑\
    虚虫虽蚁蛮补袭装见规视览觉触誉计订认讨让训议记讲许论设访证评识诉词译试诗诚话语误说请诸读\
    课谁调谈谊谋谓谢谱贝负财责败货质贪贫购贵贸费贺资赏赖赛赞赵跃践踪车转轮软轻载较辅辆辈输边\
    辽达迁过运还这进远违连迟适选递逻遗邮邻郑释鉴针钟钢钱铁铃铜银链销锁锅锋错镇镜长门闪闭问闲\
    间闹闻阅队阳阴阵阶际陆陈险随隐隶难雾静韩页顺须顾预领频题颜额风飘飞饭饮馆马驱驶驻骂验骗鱼\
    鲁鲜鸟鸡鸣鸭鹅鹰麦黄齐齿龄龙龟";

/// Common characters that standard simplified text does not have.
const TRADITIONAL: &str = "\
    亞來倉個們倫側偵偽備傳債傷傾僅價儀億儉優儲兒內冊凍別刪則剛創劇劉劍劑動務勝勞勢勳勸匯區協\
    卻厭厲參員問啞啟喚單嗎嘆嘗噴嚇國圍園圓圖團執堅報場塊塵墳壇壓壘壞壟壯夠夢夥夾奪奮娛婦媽嬰\
    孫學實寧審寫寬寵寶將尋對導層岡島峽嶺帥師帳帶幣幫庫廟廠廢廣廳張強彈彌彎徑從徹惡愛態慣慮慶\
    憂憑憲憶應懷懸戀戰戲戶掃掛揚換揮損搖撫撲擁擇擊擔據擬擲擴擺擾攝攪敗敘敵數斷時暫曉書會東條\
    棟楊極榮構槍樓標樣樹橋機檔檢欄權歐歡歲歷歸殘殺殼毀氣決沒況淚淨淺減測湯溝溫滅滾滿漢漸潔潤\
    澤濕濟濤濱瀏灣災為無煉煙煩熱燈燒營爐爛爺爾牆狀狹獄獎獨獲獵獸現瑪環產畢當瘋瘡療發監盤盧眾\
    確碼磚礎礙礦禍禮種稱積穩窩窮競筆節築簡簽糧糾紀約紅納純紙級紛紡細紹終組絕絡給統經綜綠維綱\
    網綿緊線緣編緩練縣縮縱總績織繞繪繼續罰罵羅聖聞聯聰聲職聽肅脅脫脹腎腦腫腳腸膚膽臉臘興艦莊\
    華萊蓋蓮薦薩藍藝藥蘆蘇蘭處虛號蟲蟻蠻術衛補裝襲見規視親覺覽觸訂計討訓記訪設許訴評詞試詩話\
    認語誠誤說誰課誼調談請論諸謀謂講謝證識譜譯議護譽讀變讓豈豬貝負財貧貨貪責貴買費貿賀資賓賞\
    賣質賴購賽贊趙踐蹤躍車軍軟較載輔輕輛輩輪輸轉辦農這連進運過達違遞遠適遲遷選遺遼還邊邏郵鄭\
    鄰醫釋針鈴銀銅銷鋒鋼錄錢錯鍋鎖鎮鏈鏡鐘鐵鑒長門閃閉開閒間閱關陣陰陳陸陽隊階際隨險隱隸雖雙\
    雜雞離難電霧靈靜韓響頁順須預領頭頻題額顏願類顧顯風飄飛飯飲養館馬馮駐駛騙驅驗驚體鬧魚魯鮮\
    鳥鳳鳴鴨鵝鷹鹽麥黃點齊齒齡龍龜";
