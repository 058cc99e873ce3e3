"""Describe a Hugging Face model folder from its files, without loading a weight.

Nothing here is imported on the way to the first paint: take ``models.card`` for what a folder holds,
``models.chat_template`` for how it writes a conversation, ``models.token_counter`` for its tokens.
"""
