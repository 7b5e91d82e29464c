"""What a cluster does by itself: controllers, scheduler, kubelets. Each is a function over the store, driven by time."""
