"""gpt-oss spoken to in its own tongue: Harmony token ids in, token ids out.

    vocabulary    the file of tokens, its checksum, and how it gets here
    rendering     rules, turns, question and displays -> token ids
    parsing       token ids -> what may be shown, what was called, what stays unseen
    pages         lines of 80 columns that know which words of which document they show
    displays      what was displayed so far, and what `【cursor†L1-L3】` means in it
    browser       the trained tool (search, open, find) over our documents
    generator     rounds of all this until there is a draft
    runtimes      what computes the tokens: llama.cpp in process or as a server, vLLM, transformers

A chat endpoint renders for the model and parses for it, and can do neither with the citations that it was trained to make. On
this path a passage cannot become a control token, and reasoning cannot reach the answer.
"""
