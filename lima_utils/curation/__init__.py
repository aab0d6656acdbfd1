"""Raw dumps → dialogues, with every dropped row counted and its reason kept."""
