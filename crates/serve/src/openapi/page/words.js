import { recall, remember } from './dom.js'

const en = {
  title: 'API',
  search: 'Find an operation',
  language: '中文',
  theme: 'Dark or light',
  key: 'API key',
  keyHint: 'Kept in this tab only',
  keyNeeded: 'This server asks for a key. Enter one to see its operations.',
  load: 'Show',
  failed: 'The document cannot be read',
  retry: 'Try again',
  choose: 'Choose an operation to see what it takes and gives, and to try it.',
  operations: 'Operations',
  nothing: 'Nothing is called so.',
  parameters: 'Parameters',
  body: 'Request',
  example: 'Example',
  schema: 'Schema',
  answers: 'Answers',
  send: 'Send',
  stop: 'Stop',
  answer: 'Answer',
  waiting: 'waiting …',
  streaming: 'arriving …',
  stopped: 'stopped',
  headers: 'Headers',
  unreachable: 'The server cannot be reached.',
  required: 'required',
  anyOf: 'one of',
  publicPath: 'needs no key',
  copy: 'Copy as curl',
  copied: 'Copied',
  file: 'File',
}

const zh = {
  title: '接口',
  search: '查找操作',
  language: 'English',
  theme: '深色或浅色',
  key: 'API 密钥',
  keyHint: '只保存在此标签页',
  keyNeeded: '此服务器需要密钥。输入密钥即可查看各项操作。',
  load: '显示',
  failed: '无法读取接口文档',
  retry: '重试',
  choose: '选择一项操作，查看其参数与返回内容，并可直接试用。',
  operations: '操作',
  nothing: '没有匹配的操作。',
  parameters: '参数',
  body: '请求',
  example: '示例',
  schema: '结构',
  answers: '响应',
  send: '发送',
  stop: '停止',
  answer: '结果',
  waiting: '等待中…',
  streaming: '接收中…',
  stopped: '已停止',
  headers: '响应头',
  unreachable: '无法连接服务器。',
  required: '必填',
  anyOf: '以下之一',
  publicPath: '无需密钥',
  copy: '复制为 curl 命令',
  copied: '已复制',
  file: '文件',
}

/** What the document says in English, in Chinese; what is missing here stays as it is. */
const inChinese = {
  Server: '服务器',
  'Answer a conversation': '回答一段对话',
  'Continue prompts': '续写提示',
  'Answer, now or in the background': '立即或在后台回答',
  'Count the tokens of what would be asked': '计算请求的词元数',
  'Give a response again, or read on in its events': '再次取得一个回答，或继续读取它的事件',
  'Forget a response': '删除一个回答',
  'Cancel a response in the background': '取消后台回答',
  'List what a response was asked with': '列出一个回答的输入',
  'Turn texts into vectors': '把文本转为向量',
  'Turn a text into a vector; the older way': '把一段文本转为向量（旧接口）',
  'List files': '列出文件',
  'Upload a file': '上传文件',
  'Tell about a file': '查看文件信息',
  'Delete a file': '删除文件',
  'Give what is in a file': '取得文件内容',
  'List batches': '列出批任务',
  'Run the requests in a file': '运行文件中的请求',
  'Tell about a batch': '查看批任务',
  'Cancel a batch': '取消批任务',
  'List the models that are served': '列出所服务的模型',
  'Tell about a model; its name may hold slashes': '查看模型信息（名称可含斜杠）',
  'Do any task of the two servers; the body tells which one': '执行任一任务，由请求体决定是哪一种',
  'Tell what is served': '查看所服务的内容',
  'Tell the tokens of texts': '查看文本的词元',
  'Continue a text': '续写文本',
  'Continue a text, token by token': '逐词元续写文本',
  'Order texts by how well they answer a query': '按与问题的相关程度排列文本',
  'Label texts': '给文本分类',
  'Tell the vectors of all tokens of texts': '查看文本所有词元的向量',
  'Turn texts into sparse vectors, which no model here does': '把文本转换为稀疏向量（此处没有这样的模型）',
  'Tell the texts of tokens': '把词元还原为文本',
  'List all models with their state, and the memory': '列出所有模型的状态和内存',
  'Load a model, pin it, or read its files again': '加载模型、固定模型或重新读取其文件',
  'Take a model out of memory once its requests have ended': '待请求结束后把模型移出内存',
  'Have an alias mean another model': '让别名指向另一个模型',
  'Load an adapter, as vLLM does': '像 vLLM 一样加载适配器',
  'Forget an adapter, as vLLM does': '像 vLLM 一样移除适配器',
  'The name is taken.': '名称已被占用。',
  'Compare sentences with one': '把若干句子与一句比较',
  'Answer a prompt': '回答提示',
  'List the models in memory': '列出内存中的模型',
  'Tell about a model': '查看模型信息',
  "Tell the server's version": '查看服务器版本',
  'Count the tokens of a conversation': '计算一段对话的词元数',
  'Order documents by how well they answer a query': '按与问题的相关程度排列文档',
  'Tell whether requests should be sent here': '是否应向此处发送请求',
  'Tell whether the process works': '进程是否正常',
  'Tell the metrics, as Prometheus reads them': '查看指标（Prometheus 格式）',
  'Give this document': '取得本文档',
  'Show this document as a page': '以网页显示本文档',
  'Give a part of that page': '取得该网页的组成部分',
  OK: '成功',
  'Service Unavailable': '服务不可用',
  'The request cannot be answered as it is.': '请求有误，无法回答。',
  'No key was sent, or one that is not known.': '没有密钥，或密钥未知。',
  'The key, the page or the host may not ask for this.': '该密钥、网页或主机无权请求。',
  'There is no such thing, or no model that fits.': '没有此对象，或没有合适的模型。',
  'The body did not come in time.': '请求体未及时送达。',
  'The body is too large.': '请求体过大。',
  'A limit is used up, or the queue is full.': '额度用尽，或队列已满。',
  'This server keeps no files.': '此服务器不保存文件。',
  'The server is overloaded or shutting down.': '服务器过载或正在关闭。',
  'There is no room left, on the disk or in memory.': '磁盘或内存空间不足。',
  'The server failed.': '服务器出错。',
}

let language = recall('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en')

/** The page's own words. */
export function t(key) {
  return (language === 'zh' ? zh : en)[key]
}

/** Words of the document. */
export function told(text) {
  return (language === 'zh' && inChinese[text]) || text
}

/** The language as HTML names it. */
export function tag() {
  return language === 'zh' ? 'zh-CN' : 'en'
}

export function changeLanguage() {
  language = language === 'zh' ? 'en' : 'zh'
  remember('language', language)
}
