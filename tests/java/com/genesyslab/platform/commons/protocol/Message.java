// A stand-in of this project's own: public names alone, none of the vendor's code (docs/domain.md section 6).
package com.genesyslab.platform.commons.protocol;

public interface Message {
    int messageId();
}
