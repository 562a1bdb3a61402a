"""The only place that imports torch: what real devices answer."""
