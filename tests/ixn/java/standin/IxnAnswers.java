// Answers in several shapes: which one the SDK has is not documented.
package standin;

import com.genesyslab.platform.commons.collections.KeyValueCollection;
import com.genesyslab.platform.commons.protocol.Message;
import com.genesyslab.platform.openmedia.protocol.interactionserver.InteractionProperties;
import java.util.List;

public final class IxnAnswers {
    private IxnAnswers() {
    }

    public static class Done implements Message {
        @Override
        public int messageId() {
            return 0;
        }
    }

    public static class AnError extends Done {
        private final String text;

        AnError(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    public static class Taken extends Done {
        private final int snapshotId;
        private final int numberOfInteractions;

        Taken(int snapshotId, int numberOfInteractions) {
            this.snapshotId = snapshotId;
            this.numberOfInteractions = numberOfInteractions;
        }

        public int getSnapshotId() {
            return snapshotId;
        }

        public Integer getNumberOfInteractions() {
            return numberOfInteractions;
        }
    }

    public static class PageOfObjects extends Done {
        private final List<InteractionProperties> interactions;

        PageOfObjects(List<InteractionProperties> interactions) {
            this.interactions = interactions;
        }

        public List<InteractionProperties> getInteractions() {
            return interactions;
        }

        public Integer getNumberOfInteractions() {
            return interactions.size();
        }
    }

    public static class PageOfLists extends Done {
        private final KeyValueCollection interactions;

        PageOfLists(KeyValueCollection interactions) {
            this.interactions = interactions;
        }

        public KeyValueCollection getSnapshotInteractions() {
            return interactions;
        }

        /** Which has nothing to do with interactions. */
        public KeyValueCollection getExtension() {
            return new KeyValueCollection();
        }
    }
}
