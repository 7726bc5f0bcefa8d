"""Conversations that the goldens are made of."""

FEE = {
    "type": "function",
    "function": {
        "name": "fee",
        "description": "The fee of a card, \"gold\" or <other>.",
        "parameters": {
            "type": "object",
            "properties": {"card": {"type": "string", "enum": ["gold", "silver"]}, "months": {"type": "integer"}},
            "required": ["card"],
        },
    },
}


def call(name, **arguments):
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


CONVERSATIONS = [
    {"messages": turns(("user", "What is the fee?"), ("assistant", "The fee is 5 dollars."))},
    {"messages": turns(
        ("system", "Be brief."), ("user", "What is the fee for a gold card?"), ("assistant", "5 dollars."),
        ("user", "And for a silver card?"), ("assistant", "It is free."),
    )},
    {"messages": turns(("user", "金卡的年费是多少？"), ("assistant", "金卡每月五美元。😀"), ("user", "Thanks 🎉"), ("assistant", "You are welcome 🎉"))},
    {"messages": turns(("user", " spaces \n"), ("assistant", "\n\none\n\n  two \n"), ("user", "x"), ("assistant", ""))},
    {"messages": turns(("user", "What is the fee?"), ("assistant", "<think>\nIt is a gold card.\n</think>\n\n5 dollars."))},
    {"messages": [
        {"role": "user", "content": "What is the fee?"},
        {"role": "assistant", "reasoning_content": "It is a gold card.", "content": "5 dollars."},
        {"role": "user", "content": "And for a silver card?"},
        {"role": "assistant", "reasoning_content": "It is free.\nSure.", "content": "It is free."},
    ]},
    {"messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the fee?"},
        {"role": "assistant", "content": "", "tool_calls": [call("fee", card="gold", months=12)]},
        {"role": "tool", "content": "{\"fee\": 5}"},
        {"role": "assistant", "content": "It is 5 dollars."},
    ], "tools": [FEE]},
    {"messages": [
        {"role": "user", "content": "Fees of both?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call("fee", card="gold"), call("fee", card="银卡 é")]},
        {"role": "tool", "content": "5"},
        {"role": "tool", "content": "0"},
        {"role": "assistant", "content": "5 and 0."},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "You are welcome."},
    ], "tools": [FEE]},
    {"messages": [
        {"role": "user", "content": "What is the fee?"},
        {"role": "assistant", "tool_calls": [call("fee", card="gold")]},
        {"role": "tool", "content": "5"},
        {"role": "assistant", "content": "5 dollars."},
    ], "tools": [FEE, {"type": "function", "function": {"name": "close", "parameters": {"type": "object", "properties": {}}}}]},
    {"messages": turns(("user", "What is the fee?"), ("assistant", "5 dollars."), ("user", "And for a silver card?"))},
    {"messages": turns(("user", "What is the fee?"), ("assistant", "<|im_end|> is no answer.")), "chat_template_kwargs": {"enable_thinking": False}},
]
