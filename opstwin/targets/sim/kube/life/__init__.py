"""What a cluster does by itself: controllers, scheduler, kubelets; functions over the store, driven by time."""
