//! Images in, features out: readers, resizing and pretrained CNNs.
