"""Sliders and dashboards over figures and experiments: anywidget in front, simfp behind."""
