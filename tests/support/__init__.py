"""What tests of all folders share: factories, servers, browsers, and how tests are run."""
