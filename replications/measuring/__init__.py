"""From images to scores, curves and sample sheets, and the nets that instruments use."""
