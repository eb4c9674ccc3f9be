"""From verdicts to what people read: Markdown and the page."""
