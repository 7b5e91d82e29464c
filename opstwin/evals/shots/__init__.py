"""How many examples a draft should be shown: scenarios, their past, trials and what they come to. No effects."""
